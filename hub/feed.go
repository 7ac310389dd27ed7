package hub

import (
	"errors"
	"slices"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/heap"
)

// feedState is how far the announcement of a topic to a subscriber has come.
type feedState uint8

const (
	feedIdle       feedState = iota // the subscriber does not know the number
	feedAnnouncing                  // announce was sent, announced has not come
	feedLive                        // updates flow
	feedRetracting                  // retract was sent, retracted has not come
)

// feed is one topic on its way to one subscriber.
type feed struct {
	member *member
	topic  *topic
	state  feedState
	queued bool // in member.dirty
	rules  []*rule
	wanted bool
	// awaited says that the declaration of the topic waits for the subscriber.
	awaited bool
	lapsed  bool // see resume
	fresh   bool // a value from the cache is to be sent once the feed is live
	// since is how many updates the topic had when the subscriber began to want it, and
	// missed says that more of a Latest topic came before the feed was live.
	since   uint64
	missed  bool
	stale   bool          // in upkeep.stale, because of the update staleOf
	sent    time.Duration // see passed; zero: there is nothing to look for
	staleOf uint64
	at      int // index in topic.direct plus one; zero if it is not there
	timer   heap.Node[timed]
}

// rule is what one subscription lets through of one topic.
type rule struct {
	sub     *subscription
	next    time.Duration // when the rate allows another update
	visible bool          // the latest update that was sent was inside the area
	pending bool          // an update is held back by the rate
}

// match creates or updates the feed of a topic to a member.
func (c *core) match(m *member, t *topic, now time.Duration) {
	f := m.feeds[t]
	if f == nil {
		if !c.mayGet(m, t) || !slices.ContainsFunc(m.subscriptions, func(s *subscription) bool { return s.covers(t) }) {
			return
		}
		f = newFeed(m, t)
	}
	f.update(c, now)
}

func newFeed(m *member, t *topic) *feed {
	f := &feed{member: m, topic: t}
	f.timer.Value = f
	m.feeds[t] = f
	t.feeds[m] = f
	return f
}

// selects reports whether a subscription of m gets updates of t.
func (c *core) selects(m *member, s *subscription, t *topic) bool {
	return s.covers(t) && c.mayGet(m, t)
}

// covers reports whether the pattern and the area of a subscription suit t.
func (s *subscription) covers(t *topic) bool {
	return s.pattern.Match(t.path) && (s.area == nil || t.desc.Layout != nil)
}

// mayGet reports whether m may have subscriptions that select t, which is never the case for the
// topics of the subscriber itself. Callers that look at all subscriptions of m ask once.
func (c *core) mayGet(m *member, t *topic) bool {
	return !t.removed && t.publisher != m.publisher && c.access.mayRead(m.peer.Key(), t.path)
}

// update recomputes what the subscriber wants of the topic, and has it told.
func (f *feed) update(c *core, now time.Duration) {
	old := make(map[*subscription]*rule, len(f.rules))
	for _, r := range f.rules {
		old[r.sub] = r
	}
	f.rules = nil
	may := c.mayGet(f.member, f.topic)
	for _, s := range f.member.subscriptions {
		if !may || !s.covers(f.topic) {
			continue
		}
		r := old[s]
		if r == nil {
			r = &rule{sub: s}
			f.fresh = f.fresh || s.cached
		}
		f.rules = append(f.rules, r)
	}
	f.decide(c, now)
}

// revise is update after a change of one subscription, which no longer selects anything if it
// has ended.
func (f *feed) revise(c *core, s *subscription, now time.Duration) {
	i := f.ruleOf(s)
	switch selected := !s.ended && c.selects(f.member, s, f.topic); {
	case selected && i < 0:
		f.rules = append(f.rules, &rule{sub: s})
		f.fresh = f.fresh || s.cached
	case !selected && i >= 0:
		f.rules = slices.Delete(f.rules, i, i+1)
	case !selected:
		return
	}
	f.decide(c, now)
}

// ruleOf returns the index of the rule of a subscription, or -1.
func (f *feed) ruleOf(s *subscription) int {
	return slices.IndexFunc(f.rules, func(r *rule) bool { return r.sub == s })
}

// decide is called when the rules have changed.
func (f *feed) decide(c *core, now time.Duration) {
	if len(f.rules) > 0 && !f.wanted {
		f.since = f.topic.updates
	}
	f.wanted = len(f.rules) > 0
	f.advance(c, now)
}

// advance does the next step towards what the subscriber wants.
func (f *feed) advance(c *core, now time.Duration) {
	switch {
	case f.state == feedLive && f.wanted:
		f.attach(c, now)
		f.resume(c, now)
		f.confirmed(c, now)
		f.start(c, now)
		f.catchUp(c, now)
		c.demand(f.topic, now)
	case f.state == feedLive:
		f.lapsed = true
		f.detach(c)
		c.demand(f.topic, now)
		f.queue(c, now)
	case f.state == feedIdle && f.wanted:
		f.queue(c, now)
	case f.state == feedIdle && !f.queued:
		f.end(c, now)
	}
}

// resume tells the subscriber of a Reliable topic that updates may be missing, if it has had
// some and wanted none for a while since. A client that ends its only subscription of the
// topic and begins another one before it learns of the retraction reads updates from before
// and after that time in one stream.
func (f *feed) resume(c *core, now time.Duration) {
	if f.lapsed && f.topic.desc.Intent == intentra.Reliable {
		f.send(c, f.topic.message(&update{gone: true}, now), now)
	}
	f.lapsed = false
}

// queue has an announce or a retract sent.
func (f *feed) queue(c *core, now time.Duration) {
	if !f.queued {
		f.queued = true
		f.member.dirty = append(f.member.dirty, f)
	}
	c.flush(f.member, now)
}

// end removes a feed that the subscriber does not know of.
func (f *feed) end(c *core, now time.Duration) {
	f.confirmed(c, now)
	delete(f.member.feeds, f.topic)
	delete(f.topic.feeds, f.member)
	c.unused(f.topic, now)
}

// direct reports whether every update passes the rules.
func (f *feed) direct(c *core) bool {
	return c.filter == nil && slices.ContainsFunc(f.rules, func(r *rule) bool {
		return r.sub.area == nil && (r.sub.interval == 0 || f.topic.desc.Intent == intentra.Reliable)
	})
}

// attach adds a live feed to the right list of its topic.
func (f *feed) attach(c *core, now time.Duration) {
	t := f.topic
	direct := f.direct(c)
	if direct == (f.at > 0) && (direct || slices.Contains(t.filtered, f)) {
		return
	}
	if f.at > 0 && t.desc.Intent == intentra.Latest {
		f.sent = t.latest // the topic looked for it before
	}
	f.detach(c)
	t.wanted++
	if f.sent != 0 {
		c.arm(&f.timer, now+restAfter)
	}
	if !direct {
		t.filtered = append(t.filtered, f)
		return
	}
	t.direct, t.directOf = append(t.direct, f.member.peer), append(t.directOf, f)
	f.at = len(t.direct)
}

// detach removes a feed from the list of its topic.
func (f *feed) detach(c *core) {
	t := f.topic
	c.timers.Remove(&f.timer)
	if i := slices.Index(t.filtered, f); i >= 0 {
		t.filtered = slices.Delete(t.filtered, i, i+1)
		t.wanted--
	}
	if f.at == 0 {
		return
	}
	t.wanted--
	i, last := f.at-1, len(t.direct)-1
	t.direct[i], t.directOf[i] = t.direct[last], t.directOf[last]
	t.directOf[i].at = i + 1
	t.direct[last], t.directOf[last] = nil, nil
	t.direct, t.directOf = t.direct[:last], t.directOf[:last]
	f.at = 0
}

// start sends the value from the cache, if the subscriber has asked for it.
func (f *feed) start(c *core, now time.Duration) {
	if !f.fresh {
		return
	}
	f.fresh = false
	value, ok := c.newest(f.topic, now)
	if !ok || !f.visibleNow() {
		return
	}
	m := f.topic.message(&value, now)
	m.Channel, m.Intent = m.Channel+cachedOffset, intentra.Reliable
	if c.sendBulk(f.member, m).Status == intentra.Dropped {
		f.fresh = true // for the next attempt
		c.arm(&f.timer, now+retryAfter)
		return
	}
	c.stats.Cached++
}

// open makes the feed live: the subscriber has confirmed the number.
func (f *feed) open() {
	f.state = feedLive
	f.missed = f.topic.desc.Intent == intentra.Latest && f.topic.updates > f.since && !f.fresh
}

// catchUp sends the newest value of a Latest topic, if it came after the subscriber began
// to want the topic, and before it had confirmed the number.
func (f *feed) catchUp(c *core, now time.Duration) {
	if !f.missed {
		return
	}
	f.missed = false
	value, ok := c.newest(f.topic, now)
	if !ok {
		return
	}
	pos, located := f.topic.valuePosition()
	if f.passes(c, &value, pos, located, now) {
		f.send(c, f.topic.message(&value, now), now)
	}
}

// visibleNow reports whether the cached value is inside the area of a rule, and notes that it
// is sent.
func (f *feed) visibleNow() (visible bool) {
	pos, ok := f.topic.valuePosition()
	for _, r := range f.rules {
		inside := r.sub.area == nil || ok && r.sub.area.contains(pos)
		r.visible = inside && r.sub.area != nil
		visible = visible || inside
	}
	return visible
}

// position returns the position in a payload.
func (t *topic) position(payload []byte) (position, bool) {
	if t.desc.Layout == nil {
		return position{}, false
	}
	return t.desc.Layout.position(payload)
}

// valuePosition returns the position in the cached value. It is read once for each value, since
// subscribers may ask for it often.
func (t *topic) valuePosition() (position, bool) {
	if !t.read {
		t.read = true
		t.valuePos, t.located = t.position(t.value)
	}
	return t.valuePos, t.located
}

// distribute sends an update to those who get it.
func (c *core) distribute(t *topic, u *update, now time.Duration) {
	m := t.message(u, now)
	if m.TTL < 0 && m.Intent != intentra.Reliable {
		c.drop(t.publisher, DropExpired)
		return
	}
	if m.Intent == intentra.Reliable {
		// Backwards, because a feed whose subscriber is slow leaves the list.
		for i := len(t.directOf) - 1; i >= 0; i-- {
			t.directOf[i].send(c, m, now)
		}
	} else {
		m.Token = t.token(&m)
		c.broadcast(t, m, t.direct)
	}
	if len(t.filtered) == 0 {
		return
	}
	pos, located := t.position(u.payload)
	for i := len(t.filtered) - 1; i >= 0; i-- {
		switch f := t.filtered[i]; {
		case u.gone:
			f.send(c, m, now)
		case !f.passes(c, u, pos, located, now):
		case m.Intent == intentra.Reliable:
			f.send(c, m, now)
		default:
			c.passing = append(c.passing, f.member.peer)
			f.passed(c, &m, now)
		}
	}
	c.broadcast(t, m, c.passing)
	clear(c.passing)
	c.passing = c.passing[:0]
}

// broadcast sends an update that is not Reliable to several subscribers.
func (c *core) broadcast(t *topic, m intentra.Message, to []*intentra.Peer) {
	if len(to) == 0 {
		return
	}
	r := to[0].Transport().BroadcastTo(m, to...)
	c.stats.Sent += uint64(r.Queued + r.Replaced)
	c.stats.Refused += uint64(r.Dropped)
}

// passes reports whether an update passes one of the rules. An update that the rate
// holds back is sent later, unless a newer one comes before.
func (f *feed) passes(c *core, u *update, pos position, located bool, now time.Duration) bool {
	t := f.topic
	if c.filter != nil && !c.admits(f, u, now) {
		c.stats.Filtered++
		return false
	}
	passes := false
	for _, r := range f.rules {
		inside := r.sub.area == nil || located && r.sub.area.contains(pos)
		if !inside && !r.visible {
			r.pending = false
			c.stats.Filtered++
			continue
		}
		if now < r.next && t.desc.Intent != intentra.Reliable {
			c.stats.Conflated++
			t.conflate++
			if t.desc.Intent == intentra.Latest {
				r.pending = true
				c.arm(&f.timer, r.next)
			}
			continue
		}
		passes = true
		r.next = now + r.sub.interval
	}
	if passes { // for all rules: one that held it back must not send it again
		for _, r := range f.rules {
			r.pending = false
			r.visible = r.sub.area != nil && located && r.sub.area.contains(pos)
		}
	}
	return passes
}

// send sends an update to the subscriber.
func (f *feed) send(c *core, m intentra.Message, now time.Duration) {
	if m.Intent == intentra.Reliable && slices.ContainsFunc(f.rules, func(r *rule) bool { return r.sub.ending }) {
		f.member.fallBehind(c, f, now)
		return
	}
	m.Token = f.topic.token(&m)
	f.passed(c, &m, now)
	r := f.member.peer.Send(m)
	switch {
	case r.Status != intentra.Dropped:
		c.stats.Sent++
	case m.Intent == intentra.Reliable && errors.Is(r.Err, intentra.ErrQueueFull):
		f.member.fallBehind(c, f, now)
	default:
		c.stats.Refused++
	}
}

// timeout sends what the rate has held back, or the value from the cache.
func (f *feed) timeout(c *core, now time.Duration) {
	if f.state != feedLive {
		return
	}
	f.start(c, now)
	f.rested(c, now)
	value, ok := c.newest(f.topic, now)
	due := slices.ContainsFunc(f.rules, func(r *rule) bool { return r.pending && r.next <= now })
	if ok && due {
		pos, located := f.topic.valuePosition()
		if f.passes(c, &value, pos, located, now) {
			f.send(c, f.topic.message(&value, now), now)
		}
	}
	for _, r := range f.rules {
		if r.pending && r.next > now {
			c.arm(&f.timer, r.next)
		}
	}
}

// admits calls Config.Filter. A panic counts as false.
func (c *core) admits(f *feed, u *update, now time.Duration) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			c.stats.Panics++
			c.log.Error("panic in Filter; the update was withheld", "panic", v)
		}
	}()
	return c.filter(f.member.publisher.name, f.topic.update(u, now))
}
