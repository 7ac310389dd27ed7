package sim

import (
	"errors"
	"fmt"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/wire"
)

// ErrBounds is returned when a table, a queue or a buffer exceeds its limit.
var ErrBounds = errors.New("beyond its limit")

// bounds checks the tables of the nodes that have stepped.
func (a *audit) bounds(w *World) error {
	for _, n := range w.stepped {
		s := n.proc.ep.Stats()
		held := min(ack.DefaultHeldBytesTotal, max(s.Sessions, 0)*a.held)
		for _, b := range []bound{
			{"peers", s.Peers, n.cfg.MaxPeers},
			{"handshakes in flight", s.HandshakesInFlight, n.cfg.MaxHandshakes},
			{"held bytes", s.HeldBytes, held},
			{"fragment bytes", s.FragmentBytes, min(ack.DefaultFragmentBytesTotal, max(s.Sessions, 0)*ack.DefaultFragmentBytes)},
			{"bytes of send queues", s.SendMemory, n.cfg.SendMemory + s.Peers*n.restored()},
		} {
			if err := b.check(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// restored returns how much memory the messages need, at most, that a session leaves in
// the queue of its peer, whatever the limits are. Only small messages use more of a window
// than the least.
func (n *Node) restored() int { return 2 * wire.LeastReliableWindow * n.cfg.MaxDatagram }

type bound struct {
	name        string
	value, most int
}

func (b bound) check(n *Node) error {
	if b.value >= 0 && b.value <= b.most {
		return nil
	}
	return fmt.Errorf("%w: %s: %s are %d, the limit is %d", ErrBounds, n.name, b.name, b.value, b.most)
}

// queueBounds checks the queue for a peer after a Send, which has queued a
// message of the given intent, or none. What a session leaves unacknowledged
// returns to the queue beyond its limits, up to a window; such a queue accepts no
// more Reliable messages.
func (n *Node) queueBounds(p *conn.Peer, pushed intentra.Intent) error {
	state, reliable := p.Queued()
	limits, back := &n.cfg, wire.ReliableWindow
	if pushed == intentra.Reliable {
		back = 0
	}
	for _, b := range []bound{
		{"waiting states", state, limits.SendQueueMessages},
		{"waiting Reliable messages", reliable, limits.ReliableQueueMessages + back},
		// A single state may be larger than the limit.
		{"waiting bytes", p.QueuedBytes(), max(limits.SendQueueBytes, n.cfg.MaxDatagram) + limits.ReliableQueueBytes + min(back, wire.LeastReliableWindow)*n.cfg.MaxDatagram},
	} {
		if err := b.check(n); err != nil {
			return err
		}
	}
	return nil
}

// queueConserved checks that every message put into a queue waits there, or has
// left it in a way that is counted.
func (n *Node) queueConserved(p *conn.Peer) error {
	f, waiting := p.QueueFlow()
	in, out := f.Pushed+f.Restored, uint64(waiting)+f.Taken+f.Superseded+f.Displaced+f.Expired+f.GivenUp
	if in == out {
		return nil
	}
	return fmt.Errorf("%w: queue of %s to %s: %d in, %d out", ErrConservation, n.name, n.w.nameOf(p.Key), in, out)
}
