package hub

import (
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/heap"
	"github.com/intentra/intentra/internal/list"
)

// A Latest value that exceeds the budget of its publisher may be the last one for a long
// time. So it becomes the cached value of its topic, and is passed on once the budget
// allows it, unless a newer one replaces it before. Without room in the cache it is dropped.

// overdueEvery is how often overdue values are tried again.
const overdueEvery = 20 * time.Millisecond

// overdues are the topics of a publisher whose newest value exceeded the budget and has
// not been passed on, the one that became so first at the front.
type overdues struct {
	publisher *publisher
	topics    list.List[*topic]
	timer     heap.Node[timed]
}

// refuse handles an update that exceeds the budget of its publisher, for a reason.
func (c *core) refuse(t *topic, u *update, r DropReason, now time.Duration) {
	pub := t.publisher
	if t.desc.Intent != intentra.Latest {
		c.drop(pub, r)
		return
	}
	c.cache(t, u, now)
	if !c.cached.Contains(&t.place) {
		c.superseded(t)
		c.drop(pub, r)
		return
	}
	// A topic keeps its place, so that each one of many gets its turn.
	if o := &pub.overdue; o.topics.Contains(&t.overdue) {
		c.drop(pub, t.excess)
	} else {
		o.topics.PushBack(&t.overdue)
		c.arm(&o.timer, now+overdueEvery)
	}
	t.excess = r
}

// superseded drops the overdue value of a topic, if it has one.
func (c *core) superseded(t *topic) {
	if t.publisher.overdue.topics.Remove(&t.overdue) {
		c.drop(t.publisher, t.excess)
	}
}

// timeout passes overdue values on. They may exceed the budget by a tenth of what it allows
// at once, at the expense of later updates: otherwise a publisher that goes on sending too much
// on one topic would leave nothing for the newest values of its others.
func (o *overdues) timeout(c *core, now time.Duration) {
	pub := o.publisher
	for o.topics.Len() > 0 && pub.updates.owesLittle(now) && pub.bytes.owesLittle(now) {
		t := o.topics.Front().Value
		o.topics.PopFront()
		u, ok := c.newest(t, now)
		switch {
		case ok:
			pub.charge(len(u.payload), now)
			c.pass(t, &u, now)
		case c.cached.Contains(&t.place):
			c.drop(pub, DropExpired)
		default: // values of others needed the room
			c.drop(pub, t.excess)
		}
	}
	if o.topics.Len() > 0 {
		c.arm(&o.timer, now+overdueEvery)
	}
}
