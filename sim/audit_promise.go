package sim

import (
	"errors"
	"fmt"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
)

// ErrUndelivered is returned when a Reliable message has not been delivered.
var ErrUndelivered = errors.New("not delivered")

// holding identifies a period in which a sender must not leave out a message: it
// lasts as long as the process, the peer and the number of messages given up are
// the same.
type holding struct {
	proc    *process
	peer    *conn.Peer
	givenUp uint64
}

func hold(proc *process, p *conn.Peer) holding {
	f, _ := p.QueueFlow()
	return holding{proc, p, f.GivenUp}
}

// holdOf returns the current holding of the node with one key for the peer with
// another.
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

// promises records which Reliable messages of a stream must be delivered.
type promises struct {
	sender holding // the current one
	last   holding // when the last message was sent
	hold   uint64  // the number of last, which counts its changes
	owed   uint64  // the position after the last message that fits the receiver
	due    holding // when that one was sent
	best   uint64  // the position after the last that may have been delivered
}

// promise records that the next message was queued.
func (s *stream) promise(h holding, tooLarge bool) {
	if h != s.last {
		s.last = h
		s.hold++
	}
	if !tooLarge {
		s.owed, s.due = s.end()+1, h
	}
}

// released reports whether a message may be missing, because some were given up
// since it was sent, or because its sender is another process or unknown.
func (s *stream) released(m sentMessage) bool {
	return s.sender.proc == nil || m.hold != s.hold || s.sender != s.last
}

// Undelivered returns ErrUndelivered while a Reliable message is missing that
// must be delivered: its sender and its receiver are connected, and the sender
// has not given it up and is the same process. Use it with Until at the end of a
// scenario, when nothing more is sent. It returns nil in a world without Audit.
func (w *World) Undelivered() error {
	w.checked()
	if w.audit == nil {
		return nil
	}
	all := w.audit.reliable
	for i, s := range all {
		if !w.undelivered(s) {
			continue
		}
		// Until calls this before each step: check the missing one first.
		all[0], all[i] = all[i], all[0]
		return fmt.Errorf("%w: Reliable message %d on channel %d from %s to %s; the last delivered is %d",
			ErrUndelivered, s.owed-1, s.key.channel, w.nameOf(s.key.from), w.nameOf(s.key.to), int64(s.best)-1)
	}
	return nil
}

func (w *World) undelivered(s *stream) bool {
	from, to := w.byKey[s.key.from], w.byKey[s.key.to]
	return s.best < s.owed && from != nil && to != nil && from.Connected(to.key) && to.Connected(from.key) &&
		s.due == w.holdOf(from.key, to.key)
}
