package main

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/flow"
)

// What we chose. A transport that replaces a silent session reports no event, and its counter
// of sessions follows a little later. So what happens less than sessionAfter before a new
// session, or sessionBefore after it, counts as its effect.
const (
	sessionAfter  = time.Second
	sessionBefore = 3 * time.Second
	watchEach     = 50 * time.Millisecond
)

// link is a peer's connection to the hub at which it is.
type link struct {
	hubs atomic.Uint32 // to which it has connected, so far
	peer atomic.Pointer[intentra.Peer]
	// session is the one of the latest watch, which began at since.
	session uint64
	since   time.Duration
}

// changed is called when the connection has begun or ended.
func (l *link) changed(ev intentra.PeerEvent) {
	if ev.Kind != intentra.PeerDown {
		l.peer.Store(ev.Peer)
		l.hubs.Add(1)
	}
}

// watch notes whether the session is another one.
func (l *link) watch(now time.Duration) {
	p := l.peer.Load()
	if p == nil {
		return
	}
	if s := uint64(l.hubs.Load())<<32 | p.Session(); s != l.session {
		l.session, l.since = s, now
	}
}

// orders follows the Reliable updates that a subscriber has received of one publisher.
type orders struct {
	flow flow.Tracker
	// Of the newest update: to how many hubs the publisher had connected when it sent it, and
	// the subscriber when it came.
	publisher, subscriber uint32
}

// cause says which peers of a pair have begun a new session, with the same hub or another one.
type cause uint8

const (
	causeNone cause = iota
	causePublisher
	causeSubscriber
	causeBoth
	causes
)

func (c cause) String() string {
	return [...]string{"without a new session", "after one of the publisher", "of the subscriber", "of both"}[c]
}

// orderCounts counts the Reliable updates of all pairs by cause: those that came twice, those
// that were missing when a later one came, and those of them that came after it.
type orderCounts [causes]flow.Counts

// oddity is an update that came twice, late, or after a gap.
type oddity struct {
	at     time.Duration
	pair   int
	why    cause
	counts flow.Counts
}

// receive counts an update.
func (o *orders) receive(number uint64, publisher, subscriber uint32) (c flow.Counts, why cause) {
	if o.flow.Begun() {
		if publisher != o.publisher {
			why |= causePublisher
		}
		if subscriber != o.subscriber {
			why |= causeSubscriber
		}
	}
	o.flow.Receive(number, &c)
	if number == o.flow.Newest() {
		o.publisher, o.subscriber = publisher, subscriber
	}
	return c, why
}

// order counts a Reliable update.
func (c *crowd) order(pair int, now time.Duration, number uint64, publisher uint32) {
	n, why := c.pairs[pair].orders.receive(number, publisher, c.links[pair/c.wants].hubs.Load())
	if n.Missing+n.Duplicate+n.Reordered > 0 {
		c.oddities = append(c.oddities, oddity{now, pair, why, n})
		return
	}
	c.counts[why].Add(n)
}

// watch notes new sessions, and judges oddities.
func (c *crowd) watch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	for i := range c.links {
		c.links[i].watch(now)
	}
	c.judge(now)
}

// judge finds out which oddities are effects of new sessions, of those that are old enough at a
// time.
func (c *crowd) judge(now time.Duration) {
	for len(c.oddities) > 0 && now-c.oddities[0].at > sessionAfter {
		o := c.oddities[0]
		c.oddities = c.oddities[1:]
		effect := func(peer int) bool {
			since := c.links[peer].since
			return since > o.at-sessionBefore && since <= o.at+sessionAfter
		}
		if effect(c.publisher(o.pair)) {
			o.why |= causePublisher
		}
		if effect(o.pair / c.wants) {
			o.why |= causeSubscriber
		}
		c.counts[o.why].Add(o.counts)
	}
}

// sum returns the counts of all causes.
func (c *orderCounts) sum() (all flow.Counts) {
	for _, n := range c {
		all.Add(n)
	}
	return all
}

// by lists one of the counts by cause.
func (c *orderCounts) by(count func(flow.Counts) uint64) string {
	var list []string
	for why, n := range c {
		if n := count(n); n > 0 {
			list = append(list, fmt.Sprintf("%d %s", n, cause(why)))
		}
	}
	if list == nil {
		return ""
	}
	return ": " + strings.Join(list, ", ")
}
