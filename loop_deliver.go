package intentra

import (
	"time"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/recvq"
	"github.com/intentra/intentra/pipeline"
)

// deliver passes a message from the inbound chain to the Handler or the receive
// queue. A panic in the Handler is recovered by the chain.
func (t *Transport) deliver(c *conn.Peer, pk *pipeline.Packet) bool {
	if t.core.HasEvents() {
		// OnPeer is called before the first message.
		t.handleEvents()
	}
	p := t.peerOf(c)
	if t.cfg.Handler == nil {
		p.receiveQueue().Push(pk.Now, recvq.Message{Channel: pk.Channel, Intent: pk.Intent, Payload: pk.Payload(), Age: t.ageOf(c, pk)})
		return true
	}
	in := &t.loop.received
	t.receivedFrom(in, p, c, pk)
	t.cfg.Handler(*in)
	t.loop.slow.Called(t.clock)
	return true
}

// receivedFrom sets in to the message of p that the inbound chain delivers in pk. in was set
// by it before, or is zero: messages differ in a few fields, and to make a new one for each
// takes twice as long. It reads nothing of p, which is not in the cache when thousands of
// peers send.
func (t *Transport) receivedFrom(in *Received, p *Peer, c *conn.Peer, pk *pipeline.Packet) {
	in.Peer, in.Arrived = p, t.arrival(pk.Now)
	in.Channel, in.Intent, in.Payload = pk.Channel, pk.Intent, pk.Payload()
	if in.Stamp || pk.Origin != 0 {
		age := t.ageOf(c, pk)
		in.Stamp, in.Age, in.Within = age.Known, age.Age, age.Within
	}
}

// arrival is timeOf for messages. All those of a batch of datagrams have the same
// time, which it computes once.
func (t *Transport) arrival(at pipeline.Time) time.Time {
	if at != t.loop.arrivedAt || at == 0 {
		t.loop.arrivedAt, t.loop.arrived = at, t.timeOf(at)
	}
	return t.loop.arrived
}

// room reports whether one more Reliable message of the peer can be delivered.
func (t *Transport) room(c *conn.Peer, channel uint32) bool {
	if t.cfg.Handler == nil {
		return t.peerOf(c).receiveQueue().HasRoom()
	}
	return t.cfg.Room == nil || t.cfg.Room(t.peerOf(c), channel)
}
