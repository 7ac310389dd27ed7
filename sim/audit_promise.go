package sim

import (
	"errors"
	"fmt"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
)

// ErrUndelivered: a Reliable message has not been delivered.
var ErrUndelivered = errors.New("not delivered")

// holding is a process's hold on what it is to send to a peer: as long as it is the
// same process, peer and number of messages given up, nothing that was taken may
// be left out.
type holding struct {
	proc    *process
	peer    *conn.Peer
	givenUp uint64
}

func hold(proc *process, p *conn.Peer) holding {
	f, _ := p.QueueFlow()
	return holding{proc, p, f.GivenUp}
}

// holdOf is the hold that the node with one key has on messages for another.
func (w *World) holdOf(from, to intentra.PublicKey) holding {
	n := w.byKey[from]
	if n == nil || n.proc.ended {
		return holding{}
	}
	p := n.proc.ep.Peer(to)
	if p == nil {
		return holding{}
	}
	return hold(n.proc, p)
}

// promises is what a stream of Reliable messages is owed.
type promises struct {
	sender holding // now
	last   holding // when the last one was sent,
	hold   uint64  // and its number: they differ from one to the next
	owed   uint64  // the position behind the last one that the receiver can take,
	due    holding // and when that was sent
	best   uint64  // the one behind the last that may have been delivered
}

// promise notes that the next message was taken.
func (s *stream) promise(h holding, tooLarge bool) {
	if h != s.last {
		s.last = h
		s.hold++
	}
	if !tooLarge {
		s.owed, s.due = s.end()+1, h
	}
}

// released reports whether a message may have been given up: something was, since
// it was sent, or its sender is another process, or unknown.
func (s *stream) released(m sentMessage) bool {
	return s.sender.proc == nil || m.hold != s.hold || s.sender != s.last
}

// Undelivered returns ErrUndelivered as long as some Reliable message has not been
// delivered that must be: one that was sent between nodes that are connected, and
// that its sender has not given up, which is the same process still. It is for the
// end of a scenario, when nobody sends any more: wait for it with Until. Only
// a world with Audit knows; others return nil.
func (w *World) Undelivered() error {
	if w.audit == nil {
		return nil
	}
	all := w.audit.reliable
	for i, s := range all {
		if !w.undelivered(s) {
			continue
		}
		// It is asked before each step: what is not delivered comes first.
		all[0], all[i] = all[i], all[0]
		return fmt.Errorf("%w: Reliable message %d on channel %d from %s to %s, where %d is the last that was",
			ErrUndelivered, s.owed-1, s.key.channel, w.nameOf(s.key.from), w.nameOf(s.key.to), int64(s.best)-1)
	}
	return nil
}

func (w *World) undelivered(s *stream) bool {
	from, to := w.byKey[s.key.from], w.byKey[s.key.to]
	return s.best < s.owed && from != nil && to != nil && from.Connected(to.key) && to.Connected(from.key) &&
		s.due == w.holdOf(from.key, to.key)
}
