package replay

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/pipeline"
)

// call makes the recorded call.
func (f *full) call(e *journal.Entry) {
	switch e.Kind {
	case journal.Timeout:
		f.core.HandleTimeout(e.At)
	case journal.Flush:
		f.core.Flush(e.At)
	case journal.Close:
		f.core.Close(e.Reason, e.At)
	case journal.Full:
		f.core.Refused(e.Done, e.At)
	case journal.TooLarge:
		f.core.HandleTooLarge(e.Done, e.At)
	case journal.Revoke:
		f.core.Revoke(e.Key, e.At)
	case journal.Job:
		f.job(e)
	case journal.Dial:
		f.dial(e)
	case journal.Ready, journal.Addresses, journal.DialFailed, journal.Abandon, journal.ClosePeer, journal.Probe, journal.WantClock:
		switch p := f.peers[e.Peer]; {
		case p != nil:
			f.callPeer(p, e)
		case !f.forgotten(e.Peer):
			f.differ("call", string(e.Kind), "unknown peer")
		}
	default:
		f.differ("call", string(e.Kind), "unknown kind of entry")
	}
}

func (f *full) callPeer(p *conn.Peer, e *journal.Entry) {
	switch e.Kind {
	case journal.Ready:
		f.core.MarkReady(p)
	case journal.Addresses:
		f.core.AddAddresses(p, e.Addrs, e.More, e.At)
	case journal.DialFailed:
		f.core.DialFailed(p, fmt.Errorf("recorded: %s", e.Error), e.At)
	case journal.Abandon:
		f.core.AbandonDial(p, e.At)
	case journal.ClosePeer:
		f.core.ClosePeer(p, e.Reason, e.At)
	case journal.Probe:
		f.core.Probe(p, e.At)
	case journal.WantClock:
		f.core.WantClock(p, e.At)
	}
}

func (f *full) dial(e *journal.Entry) {
	static := f.statics[e.Identity]
	if static.IsZero() {
		f.random.cut = !f.o.Keys.Whole // it may be in the missing part
		f.differ("call", "dial", "the keys file has no such identity")
		return
	}
	if p, err := f.core.DialAs(static, e.Key, e.At); err == nil {
		f.know(p)
	}
}

// job runs the handshake job whose result was recorded at this point.
func (f *full) job(e *journal.Entry) {
	for f.jobs[e.Job] == nil {
		j := f.core.PollJob()
		if j == nil {
			f.differ("call", fmt.Sprintf("handshake job %d", e.Job), "no such handshake job")
			return
		}
		f.jobs[j.Number()] = j
	}
	j := f.jobs[e.Job]
	delete(f.jobs, e.Job)
	j.Run()
	f.core.HandleJob(j, e.At)
}

// step queues the messages that were queued before step n of the peer's queue. See
// conn.Journal.
func (f *full) step(p *conn.Peer, n uint64) {
	peer := p.Number()
	all := f.pushes[peer]
	done := 0
	for done < len(all) && all[done].Step <= n {
		e := all[done]
		if e.Kind == journal.Displaced {
			p.Displace(e.Done)
			done++
			continue
		}
		m := conn.Message{
			Channel: e.Channel, Intent: pipeline.Intent(e.Intent), Priority: pipeline.Priority(e.Priority), Payload: e.Payload,
			Token: e.Token, Sent: e.Pushed, Expires: e.Expires, Ask: e.Ask, Origin: e.Origin, Within: e.Within,
		}
		if r, _ := p.Push(&m); !r.Taken() {
			f.differ("push", "taken", "refused")
		}
		done++
	}
	if done == len(all) {
		delete(f.pushes, peer)
	} else {
		f.pushes[peer] = all[done:]
	}
}

// authorize returns the recorded answer of Authorize.
func (f *full) authorize(context.Context, conn.Handshake) bool {
	if f.entry.Panicked {
		panic("replay: the recorded Authorize panicked")
	}
	return f.entry.Authorized
}

// deliver does what the recorded handler did, as far as the core could see it.
func (f *full) deliver(p *conn.Peer, pk *pipeline.Packet) bool {
	f.takeEvents()
	at := f.outcome.Delivered
	f.outcome.Sum = journal.Checksum(f.outcome.Sum, p, pk)
	f.outcome.Delivered++
	if slices.Contains(f.entry.Panics, at) {
		panic("replay: the recorded handler panicked")
	}
	return !slices.Contains(f.entry.Refused, at)
}

// room returns the recorded answer.
func (f *full) room(*conn.Peer, uint32) bool {
	at := f.asked
	f.asked++
	return at >= len(f.entry.Rooms) || f.entry.Rooms[at] == '1'
}

// randomness returns the recorded random bytes.
type randomness struct {
	rest  []byte
	whole bool // the keys file has all bytes that were drawn
	cut   bool // more bytes were read than the incomplete keys file has
	over  bool // more bytes were read than the whole keys file has
}

func (r *randomness) Read(b []byte) (int, error) {
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	if n < len(b) {
		r.cut = r.cut || !r.whole
		r.over = r.over || r.whole
	}
	if n == 0 && len(b) > 0 {
		return 0, io.EOF
	}
	return n, nil
}
