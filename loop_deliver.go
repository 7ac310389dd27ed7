package intentra

import (
	"github.com/intentra/intentra/conn"
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
		p.receiveQueue().Push(pk.Now, pk.Channel, pk.Intent, pk.Payload())
		return true
	}
	t.cfg.Handler(p.receivedPacket(pk))
	t.loop.slow.Called(t.clock)
	return true
}

// receivedPacket returns the message that the inbound chain delivers in pk.
func (p *Peer) receivedPacket(pk *pipeline.Packet) Received {
	return Received{
		Peer: p, Arrived: p.t.timeOf(pk.Now),
		Message: Message{Channel: pk.Channel, Intent: pk.Intent, Payload: pk.Payload()},
	}
}

// room reports whether one more Reliable message of the peer can be delivered.
func (t *Transport) room(c *conn.Peer) bool {
	return t.cfg.Handler != nil || t.peerOf(c).receiveQueue().HasRoom()
}
