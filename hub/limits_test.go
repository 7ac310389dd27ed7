package hub

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
)

const second = time.Second

// consistent checks what always holds between the tables of a hub.
func (w *world) consistent() {
	w.t.Helper()
	c, t := w.hub.core, w.t
	cached, subscriptions := 0, 0
	known := make(map[*topic]bool)
	for _, pub := range c.publishers {
		own := 0
		for name, topic := range pub.topics {
			require.Equal(t, pub.name+"/"+name, topic.path)
			require.Same(t, topic, c.topics.byPath[topic.path])
			known[topic] = true
			if c.cached.Contains(&topic.place) {
				own += len(topic.value)
			}
			require.Equal(t, len(topic.direct)+len(topic.filtered), topic.wanted)
			require.Len(t, topic.directOf, len(topic.direct))
		}
		require.Equal(t, own, pub.cached)
		require.LessOrEqual(t, own, c.limits.CachedBytesPerPublisher)
		cached += own
	}
	require.Len(t, c.topics.byPath, len(known))
	require.Len(t, c.topics.sorted, len(known))
	require.Equal(t, cached, c.cachedSize)
	require.LessOrEqual(t, cached, c.limits.CachedBytes)
	numbers := make(map[uint32]*topic)
	for _, m := range c.members {
		subscriptions += len(m.subscriptions)
		for number, f := range m.byNumber {
			require.Equal(t, number, f.topic.number)
			require.NotEqual(t, feedIdle, f.state)
			if other := numbers[number]; other != nil {
				require.Same(t, other, f.topic, "one number for two topics")
			}
			numbers[number] = f.topic
		}
		for topic, f := range m.feeds {
			require.Same(t, f, topic.feeds[m])
			require.True(t, known[topic] || topic.removed)
			rules := 0
			for _, s := range m.subscriptions {
				selected := c.selects(m, s, topic)
				require.Equal(t, selected, f.ruleOf(s) >= 0)
				if selected {
					rules++
				}
			}
			require.Len(t, f.rules, rules)
		}
		for topic := range known {
			selected := slices.ContainsFunc(m.subscriptions, func(s *subscription) bool { return c.selects(m, s, topic) })
			require.True(t, !selected || m.feeds[topic] != nil)
		}
	}
	require.Equal(t, subscriptions, c.stats.Subscriptions)
}

// At the limits of topics and subscriptions, further ones are refused, and a publisher
// that keeps within them works as before.
func TestTopicLimits(t *testing.T) {
	access := fleetAccess()
	for i := range 16 {
		access += line(fmt.Sprint("greedy-", i), "")
	}
	w := newWorld(t, access, func(c *Config) {
		c.Limits = Limits{Topics: 50, TopicsPerPublisher: 3, Subscriptions: 4}
	})
	for i := range 16 {
		p := w.join(fmt.Sprint("greedy-", i))
		var last *Publication
		for n := range 4 {
			last = p.declare(Topic{Name: fmt.Sprint(n)})
		}
		var refused *RequestError
		require.ErrorAs(t, last.Err(), &refused)
		require.Equal(t, codeLimit, refused.Code)
		var stream *Stream
		for range 5 {
			stream = p.subscribe(Subscription{Pattern: "**"})
		}
		require.ErrorAs(t, stream.Err(), &refused)
		require.Equal(t, codeLimit, refused.Code)
	}
	w.consistent()
	one, viewer := w.join("robot-1"), w.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "robot-1/pose"})
	pose, excess := one.declare(Topic{Name: "pose"}), one.declare(Topic{Name: "a"})
	require.NoError(t, excess.Err())
	require.ErrorIs(t, one.declare(Topic{Name: "b"}).Err(), ErrRefused, "the hub is full")
	w.pass(second)
	require.NoError(t, pose.Send([]byte("x")))
	w.pass(second)
	require.Equal(t, []string{"robot-1/pose x"}, s.read())
	excess.Close()
	w.pass(second)
	require.NoError(t, one.declare(Topic{Name: "c"}).Err(), "there is room again")
	w.consistent()
}

// The cache never exceeds its limits: of one publisher a value is not kept, of all the
// oldest is dropped.
func TestCacheLimits(t *testing.T) {
	w := newWorld(t, fleetAccess()+line("greedy", ""), func(c *Config) { c.Limits = Limits{CachedBytes: 250, CachedBytesPerPublisher: 200} })
	one, two, viewer := w.join("robot-1"), w.join("robot-2"), w.join("viewer")
	first := viewer.subscribe(Subscription{Pattern: "**"})
	send := func(p *peer, name string, n int) {
		pub := p.declare(Topic{Name: name})
		w.pass(second)
		require.NoError(t, pub.Send(make([]byte, n)))
		w.pass(second)
		w.consistent()
	}
	send(one, "a", 100)
	send(one, "b", 50)
	send(one, "too much", 51)
	require.EqualValues(t, 1, w.hub.Stats().Uncached)
	send(two, "c", 150) // replaces a, the oldest
	require.Equal(t, 200, w.hub.Stats().CachedBytes)
	require.Len(t, first.read(), 4, "all were delivered")
	late := w.join("greedy").subscribe(Subscription{Pattern: "**", Cached: true})
	w.pass(second)
	var paths []string
	for {
		u, ok, _ := late.Poll()
		if !ok {
			break
		}
		paths = append(paths, u.Path())
	}
	require.ElementsMatch(t, []string{"robot-1/b", "robot-2/c"}, paths)
}

// A publisher beyond its rate loses updates by name, others none.
func TestPublisherRates(t *testing.T) {
	w := newWorld(t, fleetAccess(), func(c *Config) { c.Limits = Limits{Updates: 100, Bytes: 1 << 20} })
	one, two, viewer := w.join("robot-1"), w.join("robot-2"), w.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "*/tick", Buffer: 10_000})
	heavy, light := one.declare(Topic{Name: "tick", Intent: intentra.Realtime}), two.declare(Topic{Name: "tick", Intent: intentra.Realtime})
	w.pass(second)
	sent := 0
	stop := w.Every(10*time.Millisecond, func() {
		for range 20 {
			require.NoError(t, heavy.Send(nil))
		}
		if sent%2 == 0 {
			require.NoError(t, light.Send([]byte("light")))
		}
		sent++
	})
	w.pass(5 * second)
	stop()
	w.pass(second)
	lights, heavies := 0, 0
	for _, u := range s.read() {
		if u == "robot-2/tick light" {
			lights++
		} else {
			heavies++
		}
	}
	require.Equal(t, (sent+1)/2, lights)
	require.InDelta(t, 500, heavies, 15)
	require.EqualValues(t, 20*sent-heavies, w.hub.Stats().Drops[DropUpdates])
}

// A subscriber that does not take Reliable updates loses the subscription, learns how
// many updates it missed, stays connected, and costs others nothing.
func TestSlowSubscriber(t *testing.T) {
	w := newWorld(t, fleetAccess(), func(c *Config) { c.Transport.ReliableQueueMessages = 64 })
	one, two, viewer := w.join("robot-1"), w.join("robot-2"), w.join("viewer")
	slow, good := two.subscribe(Subscription{Pattern: "*/log", Buffer: 5000}), viewer.subscribe(Subscription{Pattern: "*/log", Buffer: 5000})
	state := two.subscribe(Subscription{Pattern: "*/pose"})
	log, pose := one.declare(Topic{Name: "log", Intent: intentra.Reliable}), one.declare(Topic{Name: "pose"})
	w.pass(second)
	link := w.LinkBetween(w.hubNode, two.node)
	link.Cut = true
	w.SetLink(w.hubNode, two.node, link)
	sent := 0
	stop := w.Every(time.Millisecond, func() { sent++; require.NoError(t, log.Send(fmt.Append(nil, sent))) })
	w.pass(1500 * time.Millisecond)
	link.Cut = false
	w.SetLink(w.hubNode, two.node, link)
	w.pass(second)
	stop()
	w.pass(5 * second)
	require.Len(t, good.read(), sent)
	got := slow.read()
	for i, u := range got {
		require.Equal(t, fmt.Sprint("robot-1/log ", i+1), u, "no silent gap")
	}
	var missed *MissedError
	require.ErrorAs(t, slow.Err(), &missed)
	require.True(t, errors.Is(missed, ErrSlow))
	t.Log(len(got), missed.Missed, sent)
	require.Greater(t, missed.Missed, uint64(100))
	require.LessOrEqual(t, len(got)+int(missed.Missed), sent)
	require.True(t, two.node.Connected(keyOf("hub").Public()))
	require.NoError(t, pose.Send([]byte("x")))
	w.pass(second)
	require.Equal(t, []string{"robot-1/pose x"}, state.read(), "its other subscription goes on")
	require.EqualValues(t, 1, w.hub.Stats().Slow)
	w.consistent()
}

// A peer that floods the hub with requests and acknowledges no answer is disconnected.
func TestRequestFlood(t *testing.T) {
	w := newWorld(t, fleetAccess(), func(c *Config) {
		c.Transport.ReliableQueueMessages = 8
		c.Limits = Limits{Requests: 1 << 20, RequestBurst: 1 << 20}
	})
	one := w.join("robot-1")
	hub, _ := one.node.Peer(keyOf("hub").Public())
	link := w.LinkBetween(w.hubNode, one.node)
	link.Loss = 1
	seq := uint64(10)
	for range 40 {
		for range 100 {
			seq++
			m := message{Type: typeSubscribe, Seq: seq}
			hub.Send(intentra.Message{Intent: intentra.Reliable, Payload: m.encode()})
		}
		w.pass(100 * time.Millisecond)
		w.SetLink(w.hubNode, one.node, link)
		if m := w.hub.core.publishers[one.node.Key()].member; m != nil {
			require.LessOrEqual(t, len(m.replies), maxReplies)
		}
		link.Loss = 0.9
	}
	w.consistent()
}

// Requests beyond the rate are refused with an answer.
func TestRequestRate(t *testing.T) {
	w := newWorld(t, fleetAccess(), func(c *Config) { c.Limits = Limits{Requests: 1, RequestBurst: 5} })
	one := w.join("robot-1")
	for i := range 20 {
		_, err := one.DeclareAsync(Topic{Name: fmt.Sprint(i)})
		require.NoError(t, err)
	}
	w.pass(second)
	require.Equal(t, 3, w.hub.Stats().Topics, "hello and watch were requests, too")
	require.EqualValues(t, 17, w.hub.Stats().Requests[RequestExcess])
}

// Reliable updates that come before the declaration of their channel, as after a
// restart of the hub, wait for it within bounds.
func TestHeldUpdates(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one := w.join("robot-1")
	for range 4 {
		for range heldUpdates / 2 {
			one.raw(7, intentra.Reliable, "0123456789")
		}
		w.pass(second / 2)
	}
	one.raw(7, intentra.Latest, "")
	w.pass(second)
	m := w.hub.core.publishers[one.node.Key()].member
	require.Len(t, m.held, heldUpdates)
	require.EqualValues(t, heldUpdates+1, w.hub.Stats().Drops[DropUndeclared])
	w.pass(heldTime)
	require.Empty(t, m.held)
	require.Zero(t, m.heldBytes)
	require.EqualValues(t, 2*heldUpdates+1, w.hub.Stats().Drops[DropUndeclared])
}

func TestLimitsAreChecked(t *testing.T) {
	for _, l := range []Limits{{Topics: 1 << 20}, {Topics: -1}, {Updates: 5}, {Subscriptions: 1 << 20}, {Requests: 1 << 30}} {
		_, err := New(Config{Access: AllowAny(), Limits: l})
		require.ErrorContains(t, err, "hub: Limits.")
	}
	none, err := New(Config{Access: AllowAny(), Limits: Limits{CachedBytes: -1, Remember: -1}})
	require.NoError(t, err)
	require.Zero(t, none.core.limits.CachedBytes)
	_, err = New(Config{})
	require.ErrorContains(t, err, "Access is nil")
}

// A subscriber that was there before a Reliable topic misses none of its updates, and one
// that does not answer delays its declaration by a second at most.
func TestDeclarationWaitsForSubscribers(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one, two, viewer := w.join("robot-1"), w.join("robot-2"), w.join("viewer")
	near, far := two.subscribe(Subscription{Pattern: "*/log"}), viewer.subscribe(Subscription{Pattern: "*/log"})
	w.SetLinks(w.hubNode, viewer.node, sim.Link{Delay: 200 * time.Millisecond})
	log := one.declare(Topic{Name: "log", Intent: intentra.Reliable})
	for i := range 10 {
		require.NoError(t, log.Send(fmt.Append(nil, i)))
	}
	w.pass(second)
	require.Len(t, near.read(), 10)
	require.Len(t, far.read(), 10)
	w.SetLinks(w.hubNode, viewer.node, sim.Link{Cut: true})
	before := w.Elapsed()
	one.declare(Topic{Name: "second/log", Intent: intentra.Reliable})
	require.Less(t, w.Elapsed()-before, 100*time.Millisecond, "no pattern selects it")
	before = w.Elapsed()
	two.declare(Topic{Name: "log", Intent: intentra.Reliable})
	require.InDelta(t, confirmAfter, w.Elapsed()-before, float64(100*time.Millisecond))
}

// A Reliable update that comes while a declaration waits for subscribers neither overtakes
// those that came before the declaration nor is lost.
func TestUpdatesWhileDeclarationWaits(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one, viewer := w.join("robot-1"), w.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "*/log"})
	w.SetLinks(w.hubNode, viewer.node, sim.Link{Delay: 200 * time.Millisecond})
	log, err := one.DeclareAsync(Topic{Name: "log", Intent: intentra.Reliable})
	require.NoError(t, err)
	var want []string
	for i := range 100 {
		require.NoError(t, log.Send(fmt.Append(nil, i)))
		want = append(want, fmt.Sprint("robot-1/log ", i))
		w.pass(time.Millisecond)
	}
	w.pass(3 * second)
	require.Equal(t, want, s.read())
	require.Zero(t, w.hub.Stats().Drops)
}

// Reliable updates beyond the rate wait at their publisher: none is lost.
func TestReliableIsHeldBack(t *testing.T) {
	w := newWorld(t, fleetAccess(), func(c *Config) { c.Limits = Limits{Updates: 100} })
	one, viewer := w.join("robot-1"), w.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "*/log"})
	log := one.declare(Topic{Name: "log", Intent: intentra.Reliable})
	// Updates that are held for an earlier one are released with it, so the rate holds
	// on average only.
	for i := range 1000 {
		require.NoError(t, log.Send(fmt.Append(nil, i)))
		if i == 499 {
			w.pass(second)
		}
	}
	w.pass(2 * second)
	got := s.read()
	require.LessOrEqual(t, len(got), 520)
	w.pass(20 * second)
	got = append(got, s.read()...)
	require.Len(t, got, 1000)
	require.Equal(t, "robot-1/log 999", got[999])
	require.Zero(t, w.hub.Stats().Drops)
}
