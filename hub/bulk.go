package hub

import (
	"cmp"

	"github.com/intentra/intentra"
)

// bulk counts the Reliable messages that a member may get a great many of at once, because
// there are many topics: announcements and their like, lists, and cached values. They fill
// at most half of the send queue; without room for a Reliable update, its subscription
// would end as slow.
type bulk struct{ messages, bytes int }

// mostBulk returns half of a send queue.
func mostBulk(cfg intentra.Config) bulk {
	return bulk{
		max(cmp.Or(cfg.ReliableQueueMessages, intentra.DefaultReliableQueueMessages)/2, 1),
		cmp.Or(cfg.ReliableQueueBytes, intentra.DefaultReliableQueueBytes) / 2,
	}
}

// sendBulk sends a message to a member, unless the bulk that is under way leaves it no room.
func (c *core) sendBulk(m *member, msg intentra.Message) intentra.SendResult {
	n := len(msg.Payload)
	if b := &m.bulk; b.messages > 0 && (b.messages >= c.bulk.messages || b.bytes+n > c.bulk.bytes) {
		return intentra.SendResult{Status: intentra.Dropped, Err: intentra.ErrQueueFull}
	}
	msg.Token = tokenHub | tokenBulk | uint64(n)
	r := m.peer.Send(msg)
	if r.Status != intentra.Dropped {
		m.bulk.messages++
		m.bulk.bytes += n
	}
	return r
}

// returned is called when the outcome of a message of n bytes is known.
func (b *bulk) returned(n int) {
	b.messages, b.bytes = max(b.messages-1, 0), max(b.bytes-n, 0)
}
