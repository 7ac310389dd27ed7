package hub

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// gathers publishes updates 100 us apart, and returns when the first reached the subscriber
// and in how many datagrams the hub sent all of them.
func gathers(t *testing.T, gather time.Duration, updates int) (first time.Duration, datagrams uint64) {
	w := newWorld(t, fleetAccess(), func(c *Config) { c.Gather = gather })
	one, viewer := w.join("robot-1"), w.join("viewer")
	pose := one.declare(Topic{Name: "pose", Intent: intentra.Realtime})
	var got []string
	start := time.Duration(0)
	viewer.subscribe(Subscription{Pattern: "**", Handler: func(u Update) {
		if got = append(got, string(u.Payload)); len(got) == 1 {
			first = w.Elapsed() - start
		}
	}})
	w.pass(time.Second)
	start = w.Elapsed()
	before := w.hubNode.PeerStats(keyOf("viewer").Public()).PacketsOut
	var want []string
	for i := range updates {
		want = append(want, fmt.Sprint(i))
		require.NoError(t, pose.Send([]byte(want[i])))
		w.pass(100 * time.Microsecond)
	}
	w.pass(30 * time.Millisecond)
	require.Equal(t, want, got)
	return first, w.hubNode.PeerStats(keyOf("viewer").Public()).PacketsOut - before
}

// Updates that follow each other closely share datagrams, and the first one does not wait.
func TestGather(t *testing.T) {
	at, apart := gathers(t, -1, 100)
	require.EqualValues(t, 100, apart)
	again, together := gathers(t, 0, 100)
	require.Equal(t, at, again)
	require.LessOrEqual(t, together, uint64(7), "10 ms")
	_, short := gathers(t, time.Millisecond, 100)
	require.Greater(t, short, together)
	_, err := New(Config{Gather: 2 * time.Second, Access: AllowAny()})
	require.ErrorContains(t, err, "Gather")
}

// A hub that has been distributing updates for longer than Gather does not take that for a
// pause: the next update waits for others. After a real pause it does not.
func TestGatherWhileBusy(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one, viewer := w.join("robot-1"), w.join("viewer")
	one.declare(Topic{Name: "pose", Intent: intentra.Realtime})
	viewer.subscribe(Subscription{Pattern: "**"})
	w.pass(time.Second)
	c, p, now := w.hub.core, w.peerOf("robot-1"), w.Elapsed()
	update := func(after time.Duration) (waiting int) {
		now += after
		c.receive(p, intentra.Message{Channel: 1, Intent: intentra.Realtime}, now)
		return len(c.gathering.updates)
	}
	require.Zero(t, update(0), "after a pause")
	for i := range busyUpdates {
		require.Equal(t, i+1, update(time.Microsecond))
	}
	require.Zero(t, update(defaultGather), "they have waited for long enough")
	require.Equal(t, 1, update(defaultGather+time.Millisecond), "the hub was busy")
	require.Zero(t, update(defaultGather))
	require.Zero(t, update(defaultGather), "after two updates it was not")
	require.Equal(t, 1, update(time.Microsecond))
	for i := range busyUpdates {
		require.Equal(t, i+2, update(time.Microsecond))
	}
	c.timeout(now + defaultGather)
	require.Zero(t, update(busyPauses*defaultGather+defaultGather), "a long pause")
}

// By default updates wait longer where each distribution makes packets for many
// subscribers, and no longer than asked for otherwise.
func TestGatherWithManySubscribers(t *testing.T) {
	for _, tt := range []struct {
		gather      time.Duration
		subscribers int
		want        time.Duration
	}{
		{0, 1, 2 * time.Millisecond},
		{0, 100, 2 * time.Millisecond},
		{0, 250, 5 * time.Millisecond},
		{0, 2000, 10 * time.Millisecond},
		{2 * time.Millisecond, 2000, 2 * time.Millisecond},
	} {
		w := newWorld(t, fleetAccess(), func(c *Config) { c.Gather = tt.gather })
		one, viewer := w.join("robot-1"), w.join("viewer")
		one.declare(Topic{Name: "pose", Intent: intentra.Realtime})
		viewer.subscribe(Subscription{Pattern: "**"})
		w.pass(time.Second)
		c, p, now := w.hub.core, w.peerOf("robot-1"), w.Elapsed()
		pose := c.topicOf(p.Key(), "pose")
		pose.direct = slices.Repeat(pose.direct, tt.subscribers)
		update := func(after time.Duration) (waiting int) {
			now += after
			c.receive(p, intentra.Message{Channel: 1, Intent: intentra.Realtime}, now)
			return len(c.gathering.updates)
		}
		require.Zero(t, update(0), "after a pause")
		require.Equal(t, 1, update(0))
		require.Equal(t, 2, update(tt.want-1))
		require.Zero(t, update(1))
	}
}

// By default updates wait longer if some of them come from other hubs, and no longer than asked
// for otherwise.
func TestGatherAcrossHubs(t *testing.T) {
	for gather, want := range map[time.Duration]time.Duration{0: 3 * time.Millisecond, 2 * time.Millisecond: 2 * time.Millisecond} {
		w := newWorld(t, line("robot", "")+line("viewer", "")+line("far", ""), func(c *Config) {
			c.Gather, c.Fleet = gather, &fleetLog{ids: make(map[string]uint64)}
		})
		robot, viewer := w.join("robot"), w.join("viewer")
		robot.declare(Topic{Name: "pose", Intent: intentra.Realtime})
		viewer.subscribe(Subscription{Pattern: "**"})
		far := keyOf("far").Public()
		w.hub.Remote(func(r *Remote) {
			r.Connect(far, 0)
			require.True(t, r.Declare(far, Topic{Name: "pose", Intent: intentra.Realtime}))
		})
		w.pass(time.Second)
		c, p, now := w.hub.core, w.peerOf("robot"), w.Elapsed()
		here := func(after time.Duration) (waiting int) {
			now += after
			c.receive(p, intentra.Message{Channel: 1, Intent: intentra.Realtime}, now)
			return len(c.gathering.updates)
		}
		for range 2 { // the second time after local updates alone
			require.Zero(t, here(time.Second), "after a pause")
			require.Equal(t, 1, here(0))
			require.True(t, c.updateRemote(far, "pose", nil, Age{}, now))
			require.Equal(t, 3, here(want-1))
			require.Zero(t, here(1))
			require.Equal(t, 1, here(1))
			require.Equal(t, 2, here(2*time.Millisecond-1))
			require.Zero(t, here(1), "nothing came from another hub")
		}
	}
}

// The updates that wait are bounded, and leave at the bound.
func TestGatherIsBounded(t *testing.T) {
	for _, size := range []int{0, 1000} {
		w := newWorld(t, fleetAccess(), func(c *Config) {
			c.Gather, c.Limits.Updates, c.Limits.Bytes = time.Second, 1<<20, 1<<30
		})
		one, viewer := w.join("robot-1"), w.join("viewer")
		one.declare(Topic{Name: "pose", Intent: intentra.Realtime})
		n := 0
		viewer.subscribe(Subscription{Pattern: "**", Handler: func(Update) { n++ }})
		w.pass(time.Second)
		g := &w.hub.core.gathering
		m := intentra.Message{Channel: 1, Intent: intentra.Realtime, Payload: make([]byte, size)}
		for range 3 * gatherUpdates / 2 {
			w.hub.receive(intentra.Received{Peer: w.peerOf("robot-1"), Message: m})
			require.Less(t, len(g.updates), gatherUpdates)
			require.Less(t, len(g.data), gatherBytes)
		}
		require.NotEmpty(t, g.updates)
		w.pass(2 * time.Second)
		require.Empty(t, g.updates)
		require.Positive(t, n)
	}
}

// peerOf returns the hub's peer of a client.
func (w *world) peerOf(name string) *intentra.Peer {
	p, ok := w.hubNode.Peer(keyOf(name).Public())
	require.True(w.t, ok)
	return p
}

// Updates that wait are distributed before anything changes that decides who gets them:
// the publisher leaves, a subscriber does, or the access list changes.
func TestGatheredUpdatesLeaveBeforeChanges(t *testing.T) {
	for name, change := range map[string]func(w *world, one, viewer *peer, s *Stream){
		"publisher leaves":  func(_ *world, one, _ *peer, _ *Stream) { one.node.Close() },
		"topic ends":        func(_ *world, one, _ *peer, _ *Stream) { one.publications[1].Close() },
		"access is revoked": func(w *world, _, _ *peer, _ *Stream) { w.hub.SetAccess(w.parse(line("viewer", ""))) },
		"reader may not": func(w *world, _, _ *peer, _ *Stream) {
			w.hub.SetAccess(w.parse(line("robot-1", "") + line("viewer", "subscribe=")))
		},
		"subscription ends": func(_ *world, _, _ *peer, s *Stream) { s.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fleetAccess(), func(c *Config) { c.Gather = time.Second })
			one, viewer := w.join("robot-1"), w.join("viewer")
			pose := one.declare(Topic{Name: "pose", Intent: intentra.Realtime})
			n := 0
			s := viewer.subscribe(Subscription{Pattern: "**", Handler: func(Update) { n++ }})
			w.pass(2 * time.Second)
			require.NoError(t, pose.Send([]byte("at once")))
			require.NoError(t, pose.Send([]byte("waits")))
			w.pass(7 * time.Millisecond)
			require.NotEmpty(t, w.hub.core.gathering.updates)
			before := w.hub.Stats().Sent
			change(w, one, viewer, s)
			w.pass(100 * time.Millisecond)
			require.Equal(t, before+1, w.hub.Stats().Sent)
			require.Empty(t, w.hub.core.gathering.updates)
		})
	}
}

// Distributing updates takes no new memory.
func TestGatherDoesNotAllocate(t *testing.T) {
	w := newWorld(t, fleetAccess(), func(c *Config) { c.Gather, c.Limits.Updates, c.Limits.Bytes = time.Second, 1<<30, 1<<30 })
	one, viewer := w.join("robot-1"), w.join("viewer")
	one.declare(Topic{Name: "pose", Intent: intentra.Realtime})
	viewer.subscribe(Subscription{Pattern: "**"})
	viewer.subscribe(Subscription{Pattern: "*/pose", MaxRate: 1e6})
	w.pass(time.Second)
	c, p := w.hub.core, w.peerOf("robot-1")
	m := intentra.Message{Channel: 1, Intent: intentra.Realtime, Payload: make([]byte, 100)}
	now := w.Elapsed()
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		now += time.Millisecond
		c.receive(p, m, now)
	}))
}
