package intentra

import (
	"github.com/intentra/intentra/conn"
)

// broadcastBatch is the number of queues whose memory is read ahead together; see
// conn.WarmBatch.
const broadcastBatch = 16

// BroadcastResult counts the results of a broadcast, one for each peer.
type BroadcastResult struct {
	Queued, Replaced, Dropped int
	// Err is the error of the first message that was dropped, nil if none was. It is
	// one of [SendResult], or says that a peer is nil.
	Err error
}

// Broadcast sends m, like [Peer.Send], to all connected peers. It copies the payload
// once and never blocks.
func (t *Transport) Broadcast(m Message) BroadcastResult {
	return t.broadcast(m, t.connected.Snapshot())
}

// BroadcastTo is Broadcast to the given peers, each of which may be connected or not;
// see [Peer.Send]. Without peers it sends nothing. All peers should be of this
// transport.
func (t *Transport) BroadcastTo(m Message, peers ...*Peer) BroadcastResult {
	return t.broadcast(m, peers)
}

func (t *Transport) broadcast(m Message, to []*Peer) (r BroadcastResult) {
	if len(to) == 0 {
		return r
	}
	// All queues share one copy, from which each packet takes its own. The extra
	// share keeps the copy alive until the last queue has taken its share.
	shared := conn.NewPayload(m.Payload, len(to)+1)
	for len(to) > 0 {
		batch := to[:min(broadcastBatch, len(to))]
		to = to[len(batch):]
		for _, p := range batch {
			if p.valid() {
				p.core.WarmQueue()
			}
		}
		for _, p := range batch {
			switch sent := p.sendShared(m, shared); sent.Status {
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
	}
	shared.Release(r.Dropped + 1)
	return r
}

// sendShared is Send with a payload that several queues share.
func (p *Peer) sendShared(m Message, shared conn.Payload) SendResult {
	if err := p.check(&m); err != nil {
		return p.sent(&m, p.refused(err))
	}
	o, wake := p.core.PushShared(m.Channel, m.Intent, shared)
	return p.sent(&m, p.pushed(o, wake))
}
