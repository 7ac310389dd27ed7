package intentra

import (
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/stages/pack"
	"github.com/intentra/intentra/wire"
)

// broadcastBatch is the number of queues whose memory is read ahead together; see
// conn.WarmBatch.
const broadcastBatch = 16

// BroadcastResult counts the results of a broadcast, one for each peer. It was sent to
// Queued and Replaced peers. Those that lose it later, to a newer message or with their
// connection, count that in [PeerStats].SendDrops.
type BroadcastResult struct {
	Queued, Replaced, Dropped int
	// Err is the error of the first message that was dropped, nil if none was. It is
	// one of [SendResult], or says that a peer or the transport is nil.
	Err error
}

// Broadcast sends m, like [Peer.Send], to all connected peers. It copies the payload
// once and never blocks.
func (t *Transport) Broadcast(m Message) BroadcastResult {
	if !t.valid() {
		return BroadcastResult{Err: errNoTransport}
	}
	return t.broadcast(m, t.connected.Snapshot())
}

// BroadcastTo is Broadcast to the given peers, each of which may be connected or not;
// see [Peer.Send]. Without peers it sends nothing. To a peer of another transport m is
// sent on its own.
func (t *Transport) BroadcastTo(m Message, peers ...*Peer) BroadcastResult {
	if !t.valid() {
		return BroadcastResult{Err: errNoTransport}
	}
	return t.broadcast(m, peers)
}

func (t *Transport) broadcast(m Message, to []*Peer) (r BroadcastResult) {
	if len(to) == 0 {
		return r
	}
	if m.Intent == 0 {
		m.Intent = Realtime
	}
	c := conn.Message{Channel: m.Channel, Intent: m.Intent, Payload: m.Payload}
	if m.Stamp {
		c.Origin, c.Within = t.originOf(&m, t.coreNow())
	}
	if m.Intent > Reliable || m.Priority != Normal || m.marked() || m.Within < 0 || !t.core.BeginBroadcast(&c) {
		return t.pushAll(m, to)
	}
	for len(to) > 0 {
		batch := to[:min(broadcastBatch, len(to))]
		to = to[len(batch):]
		warm(batch)
		t.writeEach(&m, &c, batch, &r)
	}
	if t.core.EndBroadcast() {
		t.markWritten()
	}
	return r
}

// writeEach sends a copy of m, which is c to the core, the message of the broadcast that
// has begun, to some peers.
func (t *Transport) writeEach(m *Message, c *conn.Message, to []*Peer, r *BroadcastResult) {
	// Every peer accepts the smallest datagram.
	size := wire.MessageSize(pack.FrameType(m.Intent), m.Channel, len(m.Payload)+t.core.Outbound().MaxGrowth()) + wire.Overhead
	if c.Origin != 0 {
		size += wire.OriginSize(c.Within)
	}
	small := t.host == nil && size <= wire.MinDatagram
	for _, p := range to {
		if p.valid() && p.t != t { // whose log has no message of this broadcast
			r.add(p.Send(*m))
			continue
		}
		if small && p.valid() {
			switch t.core.BroadcastTo(p.core) {
			case conn.Queued:
				r.Queued++
				continue
			case conn.Replaced:
				r.Replaced++
				continue
			}
		}
		r.add(p.write(m, c))
	}
}

// write sends a copy of m, which is c to the core, the message of the broadcast that has begun.
func (p *Peer) write(m *Message, c *conn.Message) SendResult {
	if err := p.check(m); err != nil {
		return p.sent(m, p.refused(err))
	}
	if o := p.t.core.BroadcastTo(p.core); o.Taken() {
		return p.sent(m, p.pushed(o, false))
	}
	o, wake := p.core.Push(c)
	return p.sent(m, p.pushed(o, wake))
}

// pushAll queues m for each peer. All queues share one copy, from which each packet
// takes its own.
func (t *Transport) pushAll(m Message, to []*Peer) (r BroadcastResult) {
	// The extra share keeps the copy alive until the last queue has taken its share.
	shared := conn.NewPayload(m.Payload, len(to)+1)
	for len(to) > 0 {
		batch := to[:min(broadcastBatch, len(to))]
		to = to[len(batch):]
		warm(batch)
		for _, p := range batch {
			r.add(p.sendShared(m, shared))
		}
	}
	shared.Release(r.Dropped + 1)
	return r
}

func warm(batch []*Peer) {
	for _, p := range batch {
		if p.valid() {
			p.core.WarmQueue()
		}
	}
}

func (r *BroadcastResult) add(sent SendResult) {
	switch sent.Status {
	case Queued:
		r.Queued++
	case Replaced:
		r.Replaced++
	default:
		if r.Err == nil {
			r.Err = sent.Err
		}
		r.Dropped++
	}
}

// sendShared is Send with a payload that several queues share.
func (p *Peer) sendShared(m Message, shared conn.Payload) SendResult {
	if err := p.check(&m); err != nil {
		return p.sent(&m, p.refused(err))
	}
	c := conn.Message{Channel: m.Channel, Intent: m.Intent, Priority: m.Priority}
	if m.marked() || m.Stamp {
		p.mark(&c, &m)
	}
	o, wake := p.core.PushShared(&c, shared)
	return p.sent(&m, p.pushed(o, wake))
}
