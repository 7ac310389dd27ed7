package sim

import (
	"errors"
	"fmt"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/wire"
)

// ErrBounds: a table, a queue or a buffer has grown beyond its limit.
var ErrBounds = errors.New("beyond its limit")

// bounds checks the tables of the nodes that have stepped.
func bounds(w *World) error {
	for _, n := range w.stepped {
		s := n.proc.ep.Stats()
		held := min(ack.DefaultHeldBytesTotal, max(s.Sessions, 0)*ack.DefaultHeldBytes)
		for _, b := range []bound{
			{"peers", s.Peers, n.cfg.MaxPeers},
			{"handshakes in flight", s.HandshakesInFlight, n.cfg.MaxHandshakes},
			{"held bytes", s.HeldBytes, held},
		} {
			if err := b.check(n); err != nil {
				return err
			}
		}
	}
	return nil
}

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

// queueBounds checks the queue towards a peer. What a session has left
// unacknowledged goes back into it, beyond its limits: at most a window.
func (n *Node) queueBounds(to intentra.PublicKey) error {
	p := n.proc.ep.Peer(to)
	if p == nil {
		return nil
	}
	state, reliable := p.Queue.Len()
	limits := n.cfg.Queue
	const back = wire.ReliableWindow
	for _, b := range []bound{
		{"waiting states", state, limits.StateMessages},
		{"waiting Reliable messages", reliable, limits.ReliableMessages + back},
		{"waiting bytes", p.Queue.Bytes(), limits.StateBytes + limits.ReliableBytes + back*n.cfg.MaxDatagram},
	} {
		if err := b.check(n); err != nil {
			return err
		}
	}
	return nil
}
