package conn_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/fragment"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/wire"
)

// on returns the payloads that n has got on a channel, by their first bytes.
func (n *node) on(channel uint32) (got []string) {
	for _, m := range n.got {
		if m.channel == channel {
			got = append(got, m.payload)
		}
	}
	return got
}

// A large message is sent in fragments and leaves nothing behind, also where only the
// smallest datagrams are accepted.
func TestLargeMessages(t *testing.T) {
	for _, datagram := range []int{wire.MinDatagram, conn.AcceptedDatagram} {
		for _, intent := range []pipeline.Intent{pipeline.Realtime, pipeline.Latest, pipeline.Reliable} {
			t.Run(fmt.Sprint(datagram, " ", intent), func(t *testing.T) {
				w := newWorld(t, 1)
				a, b := w.pair(func(c *conn.Config) { c.MaxDatagram = datagram })
				largest := 0
				w.tap = func(_, _ netip.AddrPort, data []byte) bool { largest = max(largest, len(data)); return true }
				for i, size := range []int{1200, 20 << 10, 64 << 10, 1} {
					a.push(b, uint32(i), intent, number(i, size))
					w.run(time.Second)
					require.Equal(t, []string{number(i, size)}, b.on(uint32(i)))
				}
				require.LessOrEqual(t, largest, datagram)
				require.False(t, a.session(b).HasOutbox())
				require.True(t, a.Endpoint().Settled(a.peer(b)))
				require.EqualValues(t, 4, a.Endpoint().PeerStats(a.peer(b)).MessagesOut)
				require.Zero(t, b.Endpoint().FragmentBytes())
				w.checkAll()
				w.closeAll()
			})
		}
	}
}

// A peer without the capability gets no fragments, and one that accepts less no larger
// messages. They are dropped and counted, and delay no other.
func TestLargeMessagesThePeerDoesNotAccept(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair()
	a.session(b).LoseCapabilities()
	b.session(a).LoseCapabilities()
	a.queue(b, 1, pipeline.Reliable, number(1, 2000))
	a.push(b, 1, pipeline.Reliable, "next")
	w.run(time.Second)
	require.Equal(t, []string{"next"}, b.on(1))
	require.EqualValues(t, 1, a.Stats().TooLarge)

	c := w.node(func(c *conn.Config) { c.MaxMessage = 5000 })
	a.dial(c)
	w.await(time.Second, func() bool { return bothUp(a, c) })
	require.Equal(t, 5000, a.peer(c).MaxMessage())
	a.queue(c, 1, pipeline.Latest, number(1, 5001))
	a.push(c, 2, pipeline.Latest, number(2, 5000))
	w.run(time.Second)
	require.Empty(t, c.on(1))
	require.Len(t, c.on(2), 1)
	require.EqualValues(t, 2, a.Stats().TooLarge)
	w.closeAll()
}

// Reliable messages on other channels pass a large one; those of its channel wait for it, and
// not for the next large one.
func TestLargeMessagesDelayNoOthers(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(func(c *conn.Config) { c.MaxMessage = 1 << 20 })
	a.queue(b, 1, pipeline.Reliable, number(1, 300<<10))
	a.queue(b, 1, pipeline.Reliable, "follows")
	a.queue(b, 2, pipeline.Reliable, number(2, 300<<10))
	a.queue(b, 2, pipeline.Reliable, number(3, 2000))
	a.queue(b, 2, pipeline.Reliable, "last")
	a.queue(b, 3, pipeline.Reliable, "passes")
	a.push(b, 4, pipeline.Latest, "state")
	w.run(6 * time.Millisecond) // one way
	require.Equal(t, []string{"passes"}, b.on(3))
	require.Equal(t, []string{"state"}, b.on(4))
	require.Empty(t, b.on(1))
	w.await(5*time.Second, func() bool { return len(b.on(1)) == 2 })
	require.Empty(t, b.on(2))
	require.Equal(t, "follows", b.on(1)[1])
	a.push(b, 2, pipeline.Reliable, "very last")
	w.await(5*time.Second, func() bool { return len(b.on(2)) == 4 })
	require.Equal(t, []string{number(2, 300<<10), number(3, 2000), "last", "very last"}, b.on(2))
	w.run(time.Second)
	require.False(t, a.session(b).HasOutbox())
	w.checkAll()
	w.closeAll()
}

// A Reliable message of which parts are acknowledged when its session ends is sent again
// whole, after what was before it and before what follows.
func TestLargeMessageOfALostSession(t *testing.T) {
	seeds(t, 10, func(t *testing.T, seed uint64) {
		w := newWorld(t, seed)
		a, b := w.pair(func(c *conn.Config) { c.MaxMessage = 1 << 20 })
		for i := range 4 {
			a.queue(b, 1, pipeline.Reliable, number(i, []int{10, 200 << 10, 20, 150 << 10}[i]))
		}
		a.turn()
		w.run(time.Duration(8+7*seed) * time.Millisecond)
		before := len(b.on(1))
		b.restart()
		w.await(10*time.Second, func() bool { return bothUp(a, b) && len(b.on(1)) > 0 && b.on(1)[len(b.on(1))-1] == number(3, 150<<10) })
		got := b.on(1)
		require.GreaterOrEqual(t, before+len(got), 4)
		for i := range got { // what was delivered before may come again
			n := 4 - len(got) + i
			require.Equal(t, number(n, []int{10, 200 << 10, 20, 150 << 10}[n]), got[i])
		}
		w.run(time.Second)
		require.True(t, a.Endpoint().Settled(a.peer(b)))
		w.checkAll()
		w.closeAll()
	})
}

// A newer message of a Latest channel waits until all fragments of the older one were sent
// once, and the newest of those that wait is sent. A whole one does not wait.
func TestNewerLatestMessages(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair()
	a.session(b).SetPacing(1000, 2) // a packet each ms
	for i := range 5 {
		a.push(b, 1, pipeline.Latest, number(i, 20<<10))
		w.run(time.Millisecond)
	}
	w.run(200 * time.Millisecond)
	require.Equal(t, []string{number(0, 20<<10), number(4, 20<<10)}, b.on(1))
	flow, _ := a.peer(b).QueueFlow()
	require.EqualValues(t, 4, a.Stats().UnfinishedSuperseded+flow.Superseded, "also the first, which was not acknowledged")
	superseded := a.Stats().UnfinishedSuperseded

	a.push(b, 2, pipeline.Latest, number(5, 20<<10))
	w.run(5 * time.Millisecond)
	a.push(b, 2, pipeline.Latest, "whole")
	w.run(200 * time.Millisecond)
	require.Equal(t, []string{"whole"}, b.on(2))
	require.Equal(t, superseded+1, a.Stats().UnfinishedSuperseded)
	require.EqualValues(t, 1, b.drops("ack/superseded"))
	require.False(t, a.session(b).HasOutbox())
	w.closeAll()
}

// Lost fragments of a Latest message are sent again, also if all of its packets are lost, and
// those of a Realtime message are not.
func TestLostFragments(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair()
	w.run(time.Second)
	w.cut(true)
	a.queue(b, 1, pipeline.Latest, number(1, 5000))
	a.push(b, 2, pipeline.Realtime, number(2, 5000))
	w.run(20 * time.Millisecond)
	w.cut(false)
	w.await(time.Second, func() bool { return len(b.on(1)) == 1 })
	w.run(time.Second)
	require.Empty(t, b.on(2))
	require.Len(t, b.on(1), 1)
	require.False(t, a.session(b).HasOutbox())
	w.closeAll()
}

// An outbox holds as many bytes of Realtime and Latest messages as the queue, and Reliable
// ones count towards the queue's limit until they are sent.
func TestOutboxAtItsLimits(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(func(c *conn.Config) { c.SendQueueBytes, c.ReliableQueueBytes = 100<<10, 300<<10 })
	w.run(time.Second)
	w.cut(true)
	full := 0
	for i := range 40 {
		if !a.push(b, uint32(i), pipeline.Reliable, number(i, 60<<10)).Taken() {
			full++
		}
		a.push(b, uint32(i), pipeline.Latest, number(i, 20<<10))
		a.push(b, uint32(i), pipeline.Realtime, number(i, 20<<10))
		state, reliable, _ := a.session(b).Outbox()
		require.LessOrEqual(t, state, 100<<10)
		require.LessOrEqual(t, reliable+a.peer(b).QueuedBytes(), 400<<10)
		w.run(time.Millisecond)
	}
	require.GreaterOrEqual(t, full, 30)
	require.Positive(t, a.Stats().UnfinishedDisplaced)
	w.cut(false)
	w.run(5 * time.Second)
	for i := range uint32(40 - full) {
		require.Contains(t, b.on(i), number(int(i), 60<<10))
	}
	require.Contains(t, b.on(39), number(39, 20<<10), "the newest state")
	require.True(t, a.push(b, 1, pipeline.Reliable, number(1, 60<<10)).Taken(), "there is room again")
	w.run(time.Second)
	w.checkAll()
	w.closeAll()
}

// A session that cannot continue a Reliable message is closed, so that its sender sends the
// whole message again in the next one.
func TestStalledMessageClosesTheSession(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair()
	passed := false
	w.tap = func(_, _ netip.AddrPort, data []byte) bool {
		first := !passed
		passed = passed || len(data) > 500
		return first || len(data) <= 500
	}
	a.push(b, 1, pipeline.Reliable, number(1, 5000))
	w.run(10 * time.Millisecond)
	require.NotZero(t, b.Endpoint().FragmentBytes())
	w.run(time.Duration(fragment.ReliableLife) - time.Second)
	require.Zero(t, b.Stats().Closes[wire.CloseSlow])
	w.run(2 * time.Second)
	require.EqualValues(t, 1, b.Stats().Closes[wire.CloseSlow])
	require.EqualValues(t, 1, b.drops("ack/closed"))
	require.Zero(t, b.Endpoint().FragmentBytes())
	w.tap = nil
	w.await(30*time.Second, func() bool { return len(b.on(1)) == 1 })
	w.closeAll()
}

// A user's stages see messages and not their fragments, at both ends.
func TestStagesSeeWholeMessages(t *testing.T) {
	w := newWorld(t, 1)
	var seen [2][]int
	watch := func(i int) pipeline.Stage {
		return pipeline.Func("watch", nil, func(p *pipeline.Packet) pipeline.Verdict {
			seen[i] = append(seen[i], len(p.Payload()))
			return pipeline.Accept
		})
	}
	a, b := w.pair(func(c *conn.Config) {
		c.Stages = func(s *stages.Set) error {
			s.InsertAfter("ack", watch(1))
			s.Outbound.InsertBefore("pack", watch(0))
			return nil
		}
	})
	want := []int{}
	for _, size := range []int{10, 20 << 10, 1100, 64 << 10, 20} {
		for intent := pipeline.Realtime; intent <= pipeline.Reliable; intent++ {
			a.push(b, uint32(intent), intent, number(size, size))
			want = append(want, size)
			w.run(100 * time.Millisecond)
		}
	}
	require.Equal(t, [2][]int{want, want}, seen)
	require.Equal(t, len(want), len(b.got))
	w.closeAll()
}

// New fragments leave a quarter of the bytes that may be in flight to other messages, which
// leave at once although nothing is acknowledged.
func TestFragmentsLeaveRoom(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair()
	w.run(time.Second)
	w.cut(true)
	for i := range 10 {
		a.queue(b, uint32(i), pipeline.Latest, number(i, 20<<10))
	}
	a.turn()
	require.LessOrEqual(t, a.session(b).InFlight(), 48<<10+conn.AcceptedDatagram)
	require.Greater(t, a.session(b).InFlight(), 40<<10)
	before := a.Endpoint().PeerStats(a.peer(b)).MessagesOut
	a.push(b, 99, pipeline.Realtime, "small")
	require.Equal(t, before+1, a.Endpoint().PeerStats(a.peer(b)).MessagesOut)
}
