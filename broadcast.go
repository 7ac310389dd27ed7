package intentra

import (
	"github.com/intentra/intentra/conn"
)

// broadcastBatch is how many queues are worth fetching at a time; see
// conn.WarmBatch.
const broadcastBatch = 16

// BroadcastResult counts what has become of the copies of a broadcast.
type BroadcastResult struct{ Queued, Replaced, Dropped int }

// Broadcast sends m to the given peers, or to all that are connected if none
// are given; so do not pass an empty slice to mean nobody. It never blocks.
func (t *Transport) Broadcast(m Message, to ...*Peer) (r BroadcastResult) {
	if len(to) == 0 {
		to = t.connected.Snapshot()
	}
	// One copy for all queues. From there each packet takes its own. The one
	// share more is ours: it must not end before all have got theirs.
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

// sendShared is Send with a payload that others are sent too.
func (p *Peer) sendShared(m Message, shared conn.Payload) SendResult {
	if err := p.check(m); err != nil {
		return p.refused(err)
	}
	o, wake := p.core.PushShared(m.Channel, m.Intent, shared)
	return p.pushed(o, wake)
}
