package hub

import (
	"log/slog"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/heap"
	"github.com/intentra/intentra/internal/list"
	"github.com/intentra/intentra/internal/roster"
	"github.com/intentra/intentra/pipeline"
)

// core is the state of a hub. It has no clock, goroutine or socket: it is called for
// each message, event and timeout, with the time, and sends through the peers that it
// is given, whose Send never blocks. It is not safe for concurrent use.
type core struct {
	limits Limits
	access *Access
	log    *slog.Logger
	filter func(subscriber string, u Update) bool

	onPresence func(Publisher)

	members    map[*intentra.Peer]*member
	roster     *roster.Roster[member] // the members, in the order in which they joined
	publishers map[intentra.PublicKey]*publisher
	topics     index
	numbers    numbers
	timers     heap.Heap[timed]
	gathering  gathering
	bulk       bulk              // the most of a member under way
	passing    []*intentra.Peer  // see distribute
	cached     list.List[*topic] // those with a cached value, oldest value first
	cachedSize int
	stats      Stats

	fleet    Fleet // nil if the hub is alone
	hubs     func(intentra.PublicKey) []Address
	leaving  bool // clients are asked to move
	exported map[uint64]*topic
	lastID   uint64
}

// timed is what has a timer.
type timed interface {
	timeout(c *core, now time.Duration)
}

func newCore(cfg Config) *core {
	c := &core{
		limits: cfg.Limits, access: cfg.Access, log: cfg.Logger, filter: cfg.Filter, onPresence: cfg.OnPresence, fleet: cfg.Fleet,
		members:    make(map[*intentra.Peer]*member),
		publishers: make(map[intentra.PublicKey]*publisher),
		exported:   make(map[uint64]*topic),
		roster:     roster.New(func(m *member) *int32 { return &m.place }),
	}
	c.gathering.init(cfg.Gather)
	c.bulk = mostBulk(cfg.Transport)
	return c
}

// deadline returns when timeout is to be called.
func (c *core) deadline() (at time.Duration, ok bool) {
	n := c.timers.First()
	if n == nil {
		return 0, false
	}
	return time.Duration(n.At()), true
}

// timeout does what is due.
func (c *core) timeout(now time.Duration) {
	c.scatter(now)
	for {
		n := c.timers.First()
		if n == nil || time.Duration(n.At()) > now {
			return
		}
		c.timers.Remove(n)
		n.Value.timeout(c, now)
	}
}

// arm sets a timer, unless it is set to an earlier time.
func (c *core) arm(n *heap.Node[timed], at time.Duration) {
	if !n.Queued() || time.Duration(n.At()) > at {
		c.timers.Set(n, pipeline.Time(at), 0)
	}
}

// peerEvent is called when a peer has connected, restarted or disconnected.
func (c *core) peerEvent(ev intentra.PeerEvent, now time.Duration) {
	c.scatter(now)
	m := c.members[ev.Peer]
	if m != nil {
		c.leave(m, now)
	}
	if ev.Kind == intentra.PeerDown {
		if m != nil {
			c.presence(m.publisher, now)
		}
		return
	}
	pub := c.publisherOf(ev.Peer.Key())
	if ev.Kind == intentra.PeerRestarted {
		pub.restarts++
	}
	if joined := c.join(ev.Peer, pub, now); m != nil || pub.member == joined {
		c.presence(pub, now)
	}
}

// join makes a connected peer a member.
func (c *core) join(p *intentra.Peer, pub *publisher, now time.Duration) *member {
	m := newMember(p, pub, c.limits, now)
	c.members[p] = m
	c.roster.Add(m)
	c.arm(&m.retry, now+urgeAfter)
	if c.fleet == nil {
		c.attach(m)
	}
	return m
}

// attach connects the publisher of a member to this hub. In a fleet that waits for the member's
// hello: a peer may have given up before its handshake was complete here, and be connected
// elsewhere.
func (c *core) attach(m *member) {
	pub := c.publisherOf(m.peer.Key())
	c.reclaim(pub)
	m.publisher, pub.member = pub, m
	c.timers.Remove(&pub.forget)
}

// rejoin has the hub forget what a member has declared and asked for. Updates that wait
// for a declaration still do, since it will come again.
func (c *core) rejoin(m *member, now time.Duration) *member {
	held, heldBytes := m.held, m.heldBytes
	m.held, m.heldBytes = nil, 0
	pub := m.publisher
	c.leave(m, now)
	again := c.join(m.peer, pub, now)
	if m.greeted {
		c.attach(again)
	}
	again.greeted, again.requests, again.seq = m.greeted, m.requests, m.seq
	again.held, again.heldBytes = held, heldBytes
	if len(held) > 0 {
		c.arm(&again.retry, again.joined+heldTime)
	}
	return again
}

// leave ends a member. The topics of its publisher stay for a while.
func (c *core) leave(m *member, now time.Duration) {
	for _, f := range m.sortedFeeds() {
		f.confirmed(c, now)
		f.detach(c)
		delete(f.topic.feeds, m)
		c.unused(f.topic, now)
	}
	m.abandon(c)
	c.stats.Subscriptions -= len(m.subscriptions)
	c.timers.Remove(&m.retry)
	c.timers.Remove(&m.upkeep.timer)
	delete(c.members, m.peer)
	c.roster.Remove(m)
	pub := m.publisher
	if pub.member == m {
		pub.member = nil
		for _, t := range pub.topics {
			t.live, t.tell, t.agreed = false, false, false
		}
	}
	if c.publishers[pub.key] == pub { // one that was never attached may have been forgotten since
		c.arm(&pub.forget, now+c.limits.Remember)
	}
}

// receive is called for each message. The payload is borrowed.
func (c *core) receive(p *intentra.Peer, msg intentra.Message, now time.Duration) {
	m := c.members[p]
	if m == nil {
		return // it has left since
	}
	if msg.Channel == ControlChannel {
		c.scatter(now)
		c.control(m, msg, now)
		return
	}
	c.stats.Received++
	m.publisher.stats.Received++
	t := m.declared[msg.Channel]
	if t == nil {
		c.undeclared(m, msg, now)
		return
	}
	if !t.agreed && t.desc.Intent == intentra.Reliable {
		c.early(m, t, msg, now)
		return
	}
	u := t.incoming(&msg, now)
	c.publish(t, msg.Intent, &u, now)
}

// room reports whether the budget of a publisher has room for a Reliable update, so that
// one beyond it waits at the publisher. Only a tenth of the burst is for Reliable updates:
// they all wait in the queues of their subscribers, where those of others need room too.
// Control messages have a budget of their own; see control. If they had to wait for this one,
// a subscription would take as long as its client publishes too much.
func (c *core) room(p *intentra.Peer, channel uint32, now time.Duration) bool {
	m := c.members[p]
	if m == nil || channel == ControlChannel {
		return true
	}
	pub := m.publisher
	return pub.admits(now)
}

// publish distributes an update. The payload is borrowed.
func (c *core) publish(t *topic, intent intentra.Intent, u *update, now time.Duration) {
	pub := t.publisher
	switch {
	case intent != t.desc.Intent:
		c.drop(pub, DropIntent)
		return
	case intent == intentra.Reliable:
		// It was accepted because room was true, or with one for which it was, and must not
		// be lost.
		if !pub.admits(now) {
			c.delay(t, u, now)
			return
		}
		pub.charge(len(u.payload), now)
	case !pub.updates.allow(1, now):
		c.refuse(t, u, DropUpdates, now)
		return
	case !pub.bytes.allow(len(u.payload), now):
		c.refuse(t, u, DropBytes, now)
		return
	}
	c.accept(t, u, now)
}

// accept distributes an update that the budget of its publisher has admitted.
func (c *core) accept(t *topic, u *update, now time.Duration) {
	if t.desc.Intent == intentra.Latest {
		c.superseded(t)
		c.cache(t, u, now)
	}
	c.pass(t, u, now)
}

// pass distributes an update that was accepted and, if it is a Latest value, is in the cache.
func (c *core) pass(t *topic, u *update, now time.Duration) {
	t.count(len(u.payload), now)
	c.arrived(t, u, now)
	if t.elsewhere {
		c.fleet.Published(t.id, u.payload, u.stamp.exported(now))
	}
	c.gather(t, u, now)
}

// drop counts an update that was dropped.
func (c *core) drop(pub *publisher, r DropReason) {
	c.stats.Drops[r]++
	pub.stats.Drops[r]++
}
