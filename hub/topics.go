package hub

import (
	"slices"
	"strings"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/heap"
	"github.com/intentra/intentra/internal/list"
)

// topic is a declared topic. A topic that has been removed lives until no subscriber
// has a feed of it, because its number must not be used for another one before.
type topic struct {
	path      string
	desc      Topic
	publisher *publisher
	number    uint32 // the channel to subscribers
	channel   uint32 // the channel from the publisher
	live      bool   // declared by the connected publisher
	removed   bool

	feeds    map[*member]*feed
	direct   []*intentra.Peer // those that get every update
	directOf []*feed          // their feeds, in the same order
	filtered []*feed          // the other live feeds

	value     []byte // the cached value, if place is in core.cached
	valueOf   update // what else is known of it
	valueAt   time.Duration
	valuePos  position // of the value, if read is true
	located   bool     // it has one
	read      bool
	place     list.Node[*topic]
	overdue   list.Node[*topic] // in publisher.overdue
	excess    DropReason        // why the value is overdue
	wanted    int               // feeds in direct and filtered
	told      bool
	awaited   int  // feeds that the answer to the declaration waits for
	agreed    bool // the declaration has been answered
	patience  heap.Node[timed]
	tell      bool // in member.demands
	rest      heap.Node[timed]
	updates   uint64
	id        uint64 // by which the fleet knows a topic of this hub; zero: it does not
	elsewhere bool   // subscribers of other hubs want it
	asked     bool   // the fleet is asked for the updates of a topic of another hub
	bytes     uint64
	latest    time.Duration // of the latest update; valid once updates is not zero
	age       Age           // of that update, when it was passed on
	conflate  uint64
}

func (t *topic) count(bytes int, now time.Duration) {
	t.updates++
	t.bytes += uint64(bytes)
	t.latest = now
}

// index is the topics that are not removed, by path.
type index struct {
	byPath map[string]*topic
	sorted []*topic
}

func comparePath(t *topic, path string) int { return strings.Compare(t.path, path) }

func (x *index) add(t *topic) {
	if x.byPath == nil {
		x.byPath = make(map[string]*topic)
	}
	x.byPath[t.path] = t
	i, _ := slices.BinarySearchFunc(x.sorted, t.path, comparePath)
	x.sorted = slices.Insert(x.sorted, i, t)
}

func (x *index) remove(t *topic) {
	delete(x.byPath, t.path)
	if i, ok := slices.BinarySearchFunc(x.sorted, t.path, comparePath); ok {
		x.sorted = slices.Delete(x.sorted, i, i+1)
	}
}

// after returns the topics whose paths follow path.
func (x *index) after(path string) []*topic {
	i, found := slices.BinarySearchFunc(x.sorted, path, comparePath)
	if found {
		i++
	}
	return x.sorted[i:]
}

// under returns the topics that a pattern may select: those of one publisher if its
// first level is a name.
func (x *index) under(p Pattern) []*topic {
	if len(p.levels) == 0 || strings.Contains(p.levels[0], "*") {
		return slices.Clone(x.sorted)
	}
	from := x.after(p.levels[0] + "/")
	n := slices.IndexFunc(from, func(t *topic) bool { return !strings.HasPrefix(t.path, p.levels[0]+"/") })
	if n < 0 {
		n = len(from)
	}
	return slices.Clone(from[:n])
}

// declare adds a topic, or makes a topic of the same description live again. A topic
// of another description is replaced.
func (c *core) declare(m *member, channel uint32, desc Topic, now time.Duration) (code string, ok bool) {
	pub := m.publisher
	if old := m.declared[channel]; old != nil && old.desc.Name != desc.Name {
		return codeConflict, false
	}
	t := pub.topics[desc.Name]
	if t != nil && t.live && t.channel != channel {
		return codeConflict, false
	}
	if t != nil && !t.desc.same(desc) {
		c.remove(t, now)
		delete(m.declared, channel)
		t = nil
	}
	if t == nil {
		if t = c.create(pub, desc, now); t == nil {
			return codeLimit, false
		}
		m.charge(c.stats.Subscriptions/subscriptionsPerRequest, now)
		c.await(t, now)
	}
	c.export(t)
	t.channel, t.live = channel, true
	m.declared[channel] = t
	c.agree(t, now)
	return "", true
}

// create adds a topic and announces it to those who want it. It returns nil if a limit is
// reached.
func (c *core) create(pub *publisher, desc Topic, now time.Duration) *topic {
	if len(pub.topics) >= c.limits.TopicsPerPublisher {
		return nil
	}
	number := c.numbers.take(uint32(c.limits.Topics) + 1)
	if number == 0 {
		return nil
	}
	t := &topic{
		path: pub.name + "/" + desc.Name, desc: desc, publisher: pub, number: number,
		feeds: make(map[*member]*feed),
	}
	t.place.Value, t.overdue.Value = t, t
	pub.topics[desc.Name] = t
	c.topics.add(t)
	if desc.Stamp {
		c.stats.Stamped++
	}
	t.patience.Value = t
	t.rest.Value = rest{t}
	for _, reader := range c.roster.Snapshot() {
		c.match(reader, t, now)
	}
	return t
}

// await notes which subscribers of a new Reliable topic have yet to confirm its number:
// the declaration is answered after that, so that they miss no update.
func (c *core) await(t *topic, now time.Duration) {
	if t.desc.Intent != intentra.Reliable {
		return
	}
	for _, f := range t.feeds {
		f.awaited = true
		t.awaited++
	}
	if t.awaited > 0 {
		c.arm(&t.patience, now+confirmAfter)
	}
}

// confirmed is called when a feed has become live or has ended.
func (f *feed) confirmed(c *core, now time.Duration) {
	if !f.awaited {
		return
	}
	f.awaited = false
	if f.topic.awaited--; f.topic.awaited == 0 && f.topic.live && !f.topic.agreed {
		c.agree(f.topic, now)
	}
}

// timeout answers the declaration although subscribers have not confirmed.
func (t *topic) timeout(c *core, now time.Duration) {
	t.awaited = 0
	for _, f := range t.feeds {
		f.awaited = false
	}
	if t.live && !t.agreed {
		c.agree(t, now)
	}
}

// agree answers the declaration of a topic, unless subscribers have yet to confirm it.
func (c *core) agree(t *topic, now time.Duration) {
	m := t.publisher.member
	if t.awaited > 0 || m == nil {
		return
	}
	c.timers.Remove(&t.patience)
	t.agreed = true
	t.told = !t.isWanted() // so that the publisher learns it either way
	c.reply(m, message{Type: typeDeclared, Channel: pointer(t.channel)}, now)
	c.demand(t, now)
	c.release(m, t.channel, t, now)
}

// remove removes a topic and retracts it from its subscribers.
func (c *core) remove(t *topic, now time.Duration) {
	t.publisher.delays.release(c, true, now)
	c.superseded(t)
	t.removed, t.live = true, false
	c.withdraw(t)
	c.timers.Remove(&t.patience)
	c.timers.Remove(&t.rest)
	delete(t.publisher.topics, t.desc.Name)
	c.topics.remove(t)
	if t.desc.Stamp {
		c.stats.Stamped--
	}
	c.uncache(t)
	for _, reader := range c.roster.Snapshot() {
		if f := t.feeds[reader]; f != nil {
			f.update(c, now)
		}
	}
	c.unused(t, now)
}

// unused makes the number of a removed topic free once no subscriber knows it.
func (c *core) unused(t *topic, now time.Duration) {
	if t.removed && len(t.feeds) == 0 && t.number != 0 {
		c.numbers.give(t.number)
		t.number = 0
		return
	}
	c.demand(t, now)
}

// demand notifies the publisher if the demand for its topic has changed.
func (c *core) demand(t *topic, now time.Duration) {
	c.ask(t)
	m := t.publisher.member
	if m == nil || !t.live || !t.agreed || t.tell || t.told == t.isWanted() {
		return
	}
	t.tell = true
	m.demands = append(m.demands, t)
	c.flush(m, now)
}

// cache keeps the newest value of a topic.
func (c *core) cache(t *topic, u *update, now time.Duration) {
	c.uncache(t)
	pub := t.publisher
	size := len(u.payload)
	if pub.cached+size > c.limits.CachedBytesPerPublisher || size > c.limits.CachedBytes {
		c.stats.Uncached++
		t.value = nil
		return
	}
	t.value, t.valueOf = append(t.value[:0], u.payload...), *u
	t.valueOf.payload = nil
	t.valueAt, t.read = now, false
	pub.cached += size
	c.cachedSize += size
	c.cached.PushBack(&t.place)
	for c.cachedSize > c.limits.CachedBytes {
		oldest := c.cached.Front().Value
		c.uncache(oldest)
		oldest.value = nil
		c.stats.Uncached++
	}
}

// uncache takes the cached value of a topic out of the cache.
func (c *core) uncache(t *topic) {
	if c.cached.Remove(&t.place) {
		t.publisher.cached -= len(t.value)
		c.cachedSize -= len(t.value)
	}
}

// newest returns the cached value of a topic, unless it has expired.
func (c *core) newest(t *topic, now time.Duration) (u update, ok bool) {
	u = t.valueOf
	u.payload = t.value
	return u, c.cached.Contains(&t.place) && !u.expired(now)
}
