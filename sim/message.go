package sim

import (
	"fmt"
	"slices"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/pack"
	"github.com/intentra/intentra/wire"
)

// Dial keeps the node connected with the peer from now on. A failed dial is an
// event, conn.DialEnded. The error is intentra.ErrKey for the zero key and the
// node's own, or ErrDown.
func (n *Node) Dial(to intentra.PublicKey) error {
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
	n.proc.do(func(d Driver, now pipeline.Time) {
		if p := n.proc.ep.Peer(to); p != nil {
			d.ClosePeer(p, reason, now)
		}
	})
}

// Connected reports whether the node has a session with the peer.
func (n *Node) Connected(to intentra.PublicKey) bool {
	p := n.proc.ep.Peer(to)
	return n.Running() && p != nil && p.Connected()
}

// Peers returns the keys of the connected peers, in the order in which they
// connected.
func (n *Node) Peers() []intentra.PublicKey {
	if !n.Running() {
		return nil
	}
	keys := make([]intentra.PublicKey, len(n.proc.connected))
	for i, p := range n.proc.connected {
		keys[i] = p.Key
	}
	return keys
}

// Send queues m for the peer, as intentra.Peer.Send does. It leaves in the node's
// next turn, in this instant. The error of a node that is not running is ErrDown.
func (n *Node) Send(to intentra.PublicKey, m intentra.Message) intentra.SendResult {
	p, r := n.proc, intentra.SendResult{Status: intentra.Dropped}
	if p.ended {
		r.Err = ErrDown
	} else if peer := p.ep.Peer(to); peer == nil {
		r.Err = intentra.ErrNotConnected
	} else {
		r = p.send(peer, m)
	}
	for _, o := range n.w.observers {
		if o.Sent != nil {
			o.Sent(n, to, m, r)
		}
	}
	return r
}

// Broadcast is Send to all connected peers.
func (n *Node) Broadcast(m intentra.Message) (r intentra.BroadcastResult) {
	for _, to := range n.Peers() {
		switch sent := n.Send(to, m); sent.Status {
		case intentra.Queued:
			r.Queued++
		case intentra.Replaced:
			r.Replaced++
		default:
			if r.Err == nil {
				r.Err = sent.Err
			}
			r.Dropped++
		}
	}
	return r
}

func (p *process) send(peer *conn.Peer, m intentra.Message) intentra.SendResult {
	if err := p.fits(peer, &m); err != nil {
		return intentra.SendResult{Status: intentra.Dropped, Err: err}
	}
	o, wake := peer.Push(m.Channel, m.Intent, m.Payload)
	if wake {
		p.ready = append(p.ready, peer)
		p.n.wake()
	}
	switch o {
	case conn.Queued:
		return intentra.SendResult{Status: intentra.Queued}
	case conn.Replaced:
		return intentra.SendResult{Status: intentra.Replaced}
	case conn.QueueFull:
		return intentra.SendResult{Status: intentra.Dropped, Err: intentra.ErrQueueFull}
	}
	return intentra.SendResult{Status: intentra.Dropped, Err: intentra.ErrNotConnected}
}

// fits checks m, and replaces the zero Intent, as intentra.Peer.Send does.
func (p *process) fits(peer *conn.Peer, m *intentra.Message) error {
	switch {
	case m.Intent == 0:
		m.Intent = intentra.Realtime
	case m.Intent > intentra.Reliable:
		return intentra.ErrIntent
	}
	limit := p.n.cfg.MaxDatagram
	if n := peer.MaxDatagram(); n > 0 {
		limit = min(limit, n)
	}
	size := wire.MessageSize(pack.FrameType(m.Intent), m.Channel, len(m.Payload)+p.ep.Outbound().MaxGrowth())
	if size+wire.Overhead > limit {
		return intentra.ErrMessageTooLarge
	}
	return nil
}

// deliver passes a message to the node's user.
func (p *process) deliver(from *conn.Peer, pk *pipeline.Packet) bool {
	if p.ended {
		return false // a callback killed the process during this packet
	}
	p.takeEvents() // PeerUp comes before the first message
	n, m := p.n, intentra.Message{Channel: pk.Channel, Intent: pk.Intent, Payload: pk.Payload()}
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
	p.taken++
	return n.cfg.Deliver == nil || n.cfg.Deliver(from, pk)
}

func (p *process) room(from *conn.Peer) bool {
	return p.n.Room == nil || p.n.Room(from.Key)
}
