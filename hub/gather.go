package hub

import (
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/heap"
)

// MaxGather is the longest [Config].Gather.
const MaxGather = time.Second

// What we chose.
const (
	defaultGather = 2 * time.Millisecond
	// Each distribution costs the hub a packet for each subscriber, and the subscriber a
	// wake-up, however few updates it has. So by default a hub waits for gatherEach for
	// each subscriber of a topic, if that is longer than defaultGather, up to gatherMost.
	gatherEach = 20 * time.Microsecond
	gatherMost = 10 * time.Millisecond
	// Updates of other hubs come in batches, at moments of their own. A distribution that has
	// some waits for gatherAcross by default, so that those of several hubs share packets.
	gatherAcross = 3 * time.Millisecond
	// gatherBytes is when waiting any longer fills no more packets, and gatherUpdates
	// bounds updates without bytes.
	gatherBytes   = 32 << 10
	gatherUpdates = 1024
	// After a distribution of busyUpdates or more, a pause counts only if it is busyPauses
	// times as long: a hub that takes longer than Gather to distribute updates would
	// otherwise take its own work for a pause.
	busyUpdates = 8
	busyPauses  = 8
)

// gathering holds Realtime and Latest updates until there are enough of them to fill the
// packets of their subscribers. The first update after a pause does not wait. Reliable
// updates never do.
type gathering struct {
	wait    time.Duration // zero: never
	grows   bool          // wait is longer with many subscribers
	last    time.Duration // when updates were distributed last
	count   int           // how many these were
	readers int           // the most subscribers of a topic, of these or of updates
	across  bool          // some of these came from other hubs
	since   time.Duration // when the first of updates came
	updates []gathered
	data    []byte // their payloads, one after the other
	timer   heap.Node[timed]
}

type gathered struct {
	topic *topic
	size  int
	update
}

func (g *gathering) init(wait time.Duration) {
	switch {
	case wait == 0:
		wait, g.grows = defaultGather, true
	case wait < 0:
		wait = 0
	}
	g.wait, g.last = wait, -wait
	g.timer.Value = g
}

// gather distributes an update, now or after a while.
func (c *core) gather(t *topic, u *update, now time.Duration) {
	g := &c.gathering
	if t.desc.Intent == intentra.Reliable {
		c.distribute(t, u, now)
		return
	}
	if len(t.direct)+len(t.filtered) == 0 {
		return
	}
	if t.desc.Intent == intentra.Latest {
		c.resting(t, now)
	}
	if len(g.updates) == 0 {
		alone := now-g.last >= g.pause()
		g.readers, g.across = 0, false
		if alone {
			g.last, g.count = now, 1
			c.distribute(t, u, now)
			return
		}
		g.since = now
	}
	g.readers = max(g.readers, len(t.direct))
	g.across = g.across || t.publisher.remote
	g.updates = append(g.updates, gathered{t, len(u.payload), *u})
	g.data = append(g.data, u.payload...)
	wait := g.longest()
	if now-g.since >= wait || len(g.data) >= gatherBytes || len(g.updates) >= gatherUpdates {
		c.scatter(now)
		return
	}
	c.arm(&g.timer, g.since+wait)
}

// longest returns for how long an update may wait.
func (g *gathering) longest() time.Duration {
	if !g.grows {
		return g.wait
	}
	wait := max(g.wait, min(time.Duration(g.readers)*gatherEach, gatherMost))
	if g.across {
		wait = max(wait, gatherAcross)
	}
	return wait
}

// pause returns for how long no update is distributed before one that does not wait.
func (g *gathering) pause() time.Duration {
	if g.count < busyUpdates {
		return g.wait
	}
	return busyPauses * g.longest()
}

// scatter distributes what was gathered. It is called before anything changes that
// decides who gets an update.
func (c *core) scatter(now time.Duration) {
	g := &c.gathering
	if len(g.updates) == 0 {
		return
	}
	c.timers.Remove(&g.timer)
	g.last, g.count = now, len(g.updates)
	rest := g.data
	for i := range g.updates {
		u := &g.updates[i]
		u.payload = rest[:u.size:u.size]
		c.distribute(u.topic, &u.update, now)
		rest = rest[u.size:]
	}
	clear(g.updates)
	g.updates, g.data = g.updates[:0], g.data[:0]
}

// timeout implements timed.
func (*gathering) timeout(c *core, now time.Duration) { c.scatter(now) }
