package intentra

import (
	"github.com/intentra/intentra/conn"
)

// broadcastBatch is the number of queues whose memory is read ahead together; see
// conn.WarmBatch.
const broadcastBatch = 16

// BroadcastResult counts the results of a broadcast, one for each peer.
type BroadcastResult struct{ Queued, Replaced, Dropped int }

// Broadcast sends m, like [Peer.Send], to the given peers, or to all connected
// peers if none are given; so an empty slice does not mean no peers. It copies the
// payload once and never blocks.
func (t *Transport) Broadcast(m Message, to ...*Peer) (r BroadcastResult) {
	if len(to) == 0 {
		to = t.connected.Snapshot()
	}
	// All queues share one copy, from which each packet takes its own. The extra
	// share keeps the copy alive until the last queue has taken its share.
	shared := conn.NewPayload(m.Payload, len(to)+1)
	for len(to) > 0 {
		batch := to[:min(broadcastBatch, len(to))]
		to = to[len(batch):]
		for _, p := range batch {
			p.core.WarmQueue()
		}
		for _, p := range batch {
			switch p.sendShared(m, shared).Status {
			case Queued:
				r.Queued++
			case Replaced:
				r.Replaced++
			default:
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
		return p.refused(err)
	}
	o, wake := p.core.PushShared(m.Channel, m.Intent, shared)
	return p.pushed(o, wake)
}
