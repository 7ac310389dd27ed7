package hub

import (
	"time"

	"github.com/intentra/intentra/internal/heap"
)

// delayEvery is how often delayed updates are tried again.
const delayEvery = 2 * time.Millisecond

// delays holds Reliable updates of a publisher that exceed its budget. When a Reliable
// message that was missing arrives, the transport delivers all those that it held for it, up
// to its window, without asking for room; passed on at once, they would fill the queues of
// the subscribers. While any are here the publisher has no room, so there are never more
// than the transport holds.
type delays struct {
	updates []delayed
	timer   heap.Node[timed]
}

type delayed struct {
	topic *topic
	update
}

// admits reports whether a Reliable update may be passed on now.
func (p *publisher) admits(now time.Duration) bool {
	return len(p.delays.updates) == 0 && p.affords(now)
}

func (p *publisher) affords(now time.Duration) bool {
	return p.updates.nearlyFull(now) && p.bytes.nearlyFull(now)
}

// charge takes an update out of the budget.
func (p *publisher) charge(size int, now time.Duration) {
	p.updates.take(1, now)
	p.bytes.take(size, now)
}

// delay keeps an update until the budget admits it.
func (c *core) delay(t *topic, u *update, now time.Duration) {
	d := &t.publisher.delays
	kept := *u
	kept.payload = append([]byte(nil), u.payload...)
	d.updates = append(d.updates, delayed{t, kept})
	c.arm(&d.timer, now+delayEvery)
}

// release passes on what the budget admits; with all, everything.
func (d *delays) release(c *core, all bool, now time.Duration) {
	for len(d.updates) > 0 {
		u := d.updates[0]
		if pub := u.topic.publisher; all || pub.affords(now) {
			pub.charge(len(u.payload), now)
		} else {
			c.arm(&d.timer, now+delayEvery)
			return
		}
		d.updates[0] = delayed{}
		d.updates = d.updates[1:]
		if u.gone {
			c.distribute(u.topic, &u.update, now)
		} else {
			c.accept(u.topic, &u.update, now)
		}
	}
	d.updates = nil
	c.timers.Remove(&d.timer)
}

// timeout implements timed.
func (d *delays) timeout(c *core, now time.Duration) { d.release(c, false, now) }
