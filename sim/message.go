package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
)

// Dial keeps the node connected with the peer from now on. A failed dial is an
// event, conn.DialEnded. The error is intentra.ErrKey for the zero key and the
// node's own, or ErrDown.
func (n *Node) Dial(to intentra.PublicKey) error {
	n.checked()
	switch {
	case to == n.key || to == intentra.PublicKey{}:
		return fmt.Errorf("%w: %s cannot dial itself or the zero key", intentra.ErrKey, n.name)
	case !n.Running():
		return ErrDown
	}
	if !slices.Contains(n.wishes, to) {
		n.wishes = append(n.wishes, to)
	}
	n.proc.do(func(d Driver, now pipeline.Time) {
		if _, err := d.Dial(to, now); err != nil {
			n.hear(Event{At: n.w.now, Kind: conn.DialEnded, Peer: to, Err: err})
		}
	})
	return nil
}

// ClosePeer ends the node's session with the peer and stops dialling it.
func (n *Node) ClosePeer(to intentra.PublicKey, reason intentra.CloseReason) {
	n.checked()
	n.proc.do(func(d Driver, now pipeline.Time) {
		if p := n.proc.ep.Peer(to); p != nil {
			d.ClosePeer(p, reason, now)
		}
	})
}

// Connected reports whether the node has a session with the peer.
func (n *Node) Connected(to intentra.PublicKey) bool {
	n.checked()
	p := n.proc.ep.Peer(to)
	return n.Running() && p != nil && p.Connected()
}

// Send queues m for the peer, as intentra.Peer.Send does. It leaves in the node's
// next turn, in this instant. The error of a node that is not running is ErrDown.
func (n *Node) Send(to intentra.PublicKey, m intentra.Message) intentra.SendResult {
	n.checked()
	p, r := n.proc, intentra.SendResult{Status: intentra.Dropped}
	if p.ended {
		r.Err = ErrDown
	} else if peer := p.ep.Peer(to); peer == nil {
		r.Err = intentra.ErrNotConnected
	} else {
		return p.app.Peer(peer).(*intentra.Peer).Send(m) // calls Sent
	}
	n.sent(to, m, r)
	return r
}

// deliver passes a message to the node's user.
func (p *process) deliver(from *conn.Peer, pk *pipeline.Packet) bool {
	if p.ended {
		return false // a callback killed the process during this packet
	}
	p.takeEvents() // PeerUp comes before the first message
	n, m := p.n, intentra.Message{Channel: pk.Channel, Intent: pk.Intent, Payload: pk.Payload()}
	if at, within, ok := p.ep.Origin(from, pk.Origin, pk.Within, pk.Now); ok {
		m.Stamp, m.Age, m.Within = true, time.Duration(pk.Now-at), within
	}
	n.delivered++
	n.w.trace.delivered(n, from.Key, m)
	if n.w.audit != nil {
		n.w.audit.delivered(p, from, pk, m)
	}
	for _, o := range n.w.observers {
		if o.Delivered != nil {
			o.Delivered(n, from.Key, m)
		}
	}
	if n.OnMessage != nil {
		n.OnMessage(from.Key, m)
	}
	if !p.ended {
		p.app.Deliver(from, pk)
	}
	p.taken++
	return n.cfg.Deliver == nil || n.cfg.Deliver(from, pk)
}

// givenUp passes on that a peer has given up a Reliable message.
func (p *process) givenUp(from *conn.Peer, channel uint32) {
	if p.ended {
		return
	}
	p.takeEvents()
	for _, o := range p.n.w.observers {
		if o.GivenUp != nil {
			o.GivenUp(p.n, from.Key, channel)
		}
	}
	p.app.GivenUp(from, channel)
}

func (p *process) room(from *conn.Peer, channel uint32) bool {
	return (p.n.Room == nil || p.n.Room(from.Key)) && (p.ended || p.app.Room(from, channel))
}
