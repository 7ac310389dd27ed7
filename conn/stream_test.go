package conn_test

import (
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
)

// rough is a link as bad as the worst that we mean to support.
var rough = sim.Link{Delay: 5 * time.Millisecond, Jitter: 30 * time.Millisecond, Loss: 0.1, Duplicate: 0.1}

// stream sends the numbers from 0 to n-1 on each of its channels, as fast as the
// queue takes them.
type stream struct {
	from, to *node
	intent   pipeline.Intent
	channels uint32
	n        int
	size     int
	next     int
}

// feed queues what fits, and reports whether all is queued.
func (s *stream) feed() bool {
	for ; s.next < s.n*int(s.channels); s.next++ {
		channel := uint32(s.next) % s.channels
		o := s.from.push(s.to, channel, s.intent, number(s.next/int(s.channels), max(s.size, 1)))
		if o == conn.QueueFull || o == conn.PeerOffline {
			return false
		}
	}
	return true
}

// run feeds the stream every millisecond until all is queued.
func (s *stream) run() {
	if !s.feed() {
		s.from.w.After(time.Millisecond, s.run)
	}
}

// requireExactlyOnce checks that the n numbers arrived in order on each channel.
func requireExactlyOnce(t *testing.T, got []message, channels uint32, n int) {
	t.Helper()
	next := make([]int, channels)
	for _, m := range got {
		i, err := strconv.Atoi(m.payload)
		require.NoError(t, err)
		require.Equal(t, next[m.channel], i, "on channel %d", m.channel)
		next[m.channel]++
	}
	for c, i := range next {
		require.Equal(t, n, i, "on channel %d", c)
	}
}

// requireFatesKnown checks that each message that was sent is known to have been
// acknowledged or lost.
func requireFatesKnown(t *testing.T, s conn.PeerStats) {
	t.Helper()
	require.Equal(t, s.MessagesOut, s.Acked+s.Lost, "messages whose fate is unknown")
}

func TestReliable(t *testing.T) {
	for _, l := range []sim.Link{
		{Delay: 5 * time.Millisecond},
		rough,
		{Delay: 20 * time.Millisecond, Jitter: 60 * time.Millisecond, Loss: 0.4, Duplicate: 0.3},
	} {
		seeds(t, 5, func(t *testing.T, seed uint64) {
			w := newWorld(t, seed)
			a, b := w.pair()
			w.setLink(l)
			const channels, n = 7, 300
			both := []*stream{
				{from: a, to: b, intent: pipeline.Reliable, channels: channels, n: n, size: 100},
				{from: b, to: a, intent: pipeline.Reliable, channels: channels, n: n, size: 100},
			}
			for _, s := range both {
				s.run()
			}
			w.await(60*time.Second, func() bool { return len(a.got) >= channels*n && len(b.got) >= channels*n })
			requireExactlyOnce(t, a.got, channels, n)
			requireExactlyOnce(t, b.got, channels, n)
			require.Equal(t, 1, a.count(conn.PeerUp), "sessions of the dialer")
			require.Zero(t, a.Stats().Strikes+b.Stats().Strikes)
			w.setLink(sim.Link{})
			pa, pb := a.peer(b), b.peer(a)
			w.Every(10*time.Millisecond, func() {
				a.Do(func(e *conn.Endpoint, now pipeline.Time) { e.Probe(pa, now) })
				b.Do(func(e *conn.Endpoint, now pipeline.Time) { e.Probe(pb, now) })
			})
			w.await(time.Second, func() bool {
				return a.Endpoint().Settled(pa) && b.Endpoint().Settled(pb)
			})
			w.checkAll()
			w.closeAll()
			st := a.Endpoint().PeerStats(pa)
			requireFatesKnown(t, st)
			require.GreaterOrEqual(t, st.Acked, uint64(channels*n*9/10))
		})
	}
}

// A channel that waits for a lost message does not delay the others.
func TestReliableChannelsDoNotWait(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair()
	w.run(time.Second)
	lose := true
	w.setLink(sim.Link{Delay: time.Millisecond})
	w.tap = func(from, _ netip.AddrPort, _ []byte) bool { return from != a.Addr() || !lose }
	a.push(b, 1, pipeline.Reliable, "0")
	lose = false
	a.push(b, 2, pipeline.Reliable, "0")
	a.push(b, 1, pipeline.Reliable, "1")
	w.run(2 * time.Millisecond)
	require.Len(t, b.got, 1)
	require.EqualValues(t, 2, b.got[0].channel)
	w.run(time.Second)
	require.Len(t, b.got, 3)
	require.Equal(t, "0", b.got[1].payload)
	require.Equal(t, "1", b.got[2].payload)
}

// A lost message is sent again when later ones are acknowledged: a round trip
// later, and not a time-out.
func TestReliableIsRepairedInARoundTrip(t *testing.T) {
	w := newWorld(t, 5)
	w.setLink(sim.Link{Delay: 50 * time.Millisecond})
	a, b := w.pair()
	lose := true
	w.tap = func(from, _ netip.AddrPort, _ []byte) bool { return from != a.Addr() || !lose }
	a.push(b, 1, pipeline.Reliable, "0")
	lose = false
	for i := range 5 {
		a.push(b, 1, pipeline.Reliable, number(i+1, 1))
	}
	require.Greater(t, a.session(b).RTO(), 200*time.Millisecond)
	took := w.await(time.Second, func() bool { return len(b.got) == 6 })
	require.Equal(t, 155*time.Millisecond, took)
}

// Without acknowledgements a message is sent at growing intervals.
func TestReliableBacksOff(t *testing.T) {
	w := newWorld(t, 6)
	a, b := w.pair()
	w.run(time.Second)
	w.cut(true)
	kinds := map[netip.AddrPort]int{}
	w.tap = func(from, _ netip.AddrPort, _ []byte) bool { kinds[from]++; return true }
	b.push(a, 1, pipeline.Reliable, "x")
	w.run(20 * time.Second)
	require.Greater(t, kinds[b.Addr()], 10)
	require.LessOrEqual(t, kinds[b.Addr()], 18)
}

// While the reader has no room no message is lost: it is sent again.
func TestReliableWaitsForTheReader(t *testing.T) {
	w := newWorld(t, 2)
	a, b := w.pair()
	b.full = true
	s := &stream{from: a, to: b, intent: pipeline.Reliable, channels: 2, n: 50}
	s.run()
	w.run(20 * time.Second)
	require.Empty(t, b.got)
	require.Equal(t, 1, a.count(conn.PeerUp), "a slow reader is not a dead peer")
	require.NotZero(t, b.drops("ack/receiver_full"))
	b.full = false
	w.await(5*time.Second, func() bool { return len(b.got) == 100 })
	requireExactlyOnce(t, b.got, 2, 50)
	w.checkAll()
}

func TestLatestNeverGoesBack(t *testing.T) {
	seeds(t, 10, func(t *testing.T, seed uint64) {
		w := newWorld(t, seed)
		a, b := w.pair()
		w.setLink(rough)
		for i := range 500 {
			for c := range uint32(3) {
				a.push(b, c, pipeline.Latest, strconv.Itoa(i))
			}
			w.run(2 * time.Millisecond)
		}
		w.setLink(sim.Link{})
		for c := range uint32(3) {
			a.push(b, c, pipeline.Latest, "500")
		}
		w.run(time.Second)
		last := [3]int{-1, -1, -1}
		for _, m := range b.got {
			i, err := strconv.Atoi(m.payload)
			require.NoError(t, err)
			require.Greater(t, i, last[m.channel])
			last[m.channel] = i
		}
		require.Equal(t, [3]int{500, 500, 500}, last, "the newest message arrives")
		require.Greater(t, len(b.got), 300)
		w.checkAll()
	})
}

func TestRealtime(t *testing.T) {
	seeds(t, 10, func(t *testing.T, seed uint64) {
		w := newWorld(t, seed)
		a, b := w.pair()
		w.setLink(rough)
		const n = 2000
		for i := range n {
			a.push(b, 9, pipeline.Realtime, strconv.Itoa(i))
			w.run(500 * time.Microsecond)
		}
		w.run(time.Second)
		seen, swapped := map[string]bool{}, 0
		for i, m := range b.got {
			require.False(t, seen[m.payload])
			seen[m.payload] = true
			if i > 0 && len(m.payload) == len(b.got[i-1].payload) && m.payload < b.got[i-1].payload {
				swapped++
			}
		}
		require.InDelta(t, 0.9, float64(len(seen))/n, 0.03)
		require.NotZero(t, swapped, "the network reorders")
		w.checkAll()
	})
}

// Messages that the peer has acknowledged but holds back behind a gap are not
// lost with the session.
func TestHeldReliableOutlivesItsSession(t *testing.T) {
	w := newWorld(t, 4)
	a, b := w.pair()
	w.run(time.Second)
	cut := true
	w.setLink(sim.Link{Delay: time.Millisecond})
	w.tap = func(from, _ netip.AddrPort, _ []byte) bool { return from != a.Addr() || !cut }
	a.push(b, 1, pipeline.Reliable, "0")
	a.push(b, 2, pipeline.Reliable, "0")
	cut = false
	for i := range 9 {
		a.push(b, 1, pipeline.Reliable, number(i+1, 1))
	}
	cut = true
	w.run(50 * time.Millisecond)
	require.Empty(t, b.got)
	require.NotZero(t, b.Stats().HeldBytes)
	require.True(t, a.session(b).ReliableAcked(5))
	b.restart()
	cut = false
	w.await(10*time.Second, func() bool { return len(b.got) >= 11 })
	next := 0
	for _, m := range b.got {
		if m.channel == 1 {
			require.Equal(t, number(next, 1), m.payload)
			next++
		}
	}
	require.Equal(t, 10, next)
}

// Reliable messages that are unacknowledged when a session ends arrive in the
// next one. A message whose acknowledgement was lost may arrive twice.
func TestReliableOutlivesItsSession(t *testing.T) {
	seeds(t, 5, func(t *testing.T, seed uint64) {
		w := newWorld(t, seed)
		a, b := w.pair()
		s := &stream{from: a, to: b, intent: pipeline.Reliable, channels: 1, n: 3000, size: 100}
		s.run()
		w.run(50 * time.Millisecond)
		w.cut(true)
		w.run(20 * time.Second)
		require.False(t, a.up(b))
		w.cut(false)
		w.await(20*time.Second, func() bool { return len(b.got) > 0 && b.got[len(b.got)-1].payload == number(2999, 100) })
		seen := map[string]int{}
		highest := -1
		for _, m := range b.got {
			i, err := strconv.Atoi(m.payload)
			require.NoError(t, err)
			require.LessOrEqual(t, i, highest+1, "a message was left out")
			highest = max(highest, i)
			seen[m.payload]++
			require.LessOrEqual(t, seen[m.payload], 2)
		}
		w.checkAll()
	})
}

// Without a connection Realtime messages are rejected and the others are kept, of
// Latest ones the newest.
func TestOffline(t *testing.T) {
	w := newWorld(t, 3)
	a, b := w.pair()
	w.cut(true)
	w.await(20*time.Second, func() bool { return !a.up(b) })
	require.Equal(t, conn.PeerOffline, a.push(b, 1, pipeline.Realtime, "stale"))
	require.Equal(t, conn.Queued, a.push(b, 1, pipeline.Latest, "old"))
	require.Equal(t, conn.Replaced, a.push(b, 1, pipeline.Latest, "latest"))
	require.Equal(t, conn.Queued, a.push(b, 1, pipeline.Reliable, "reliable"))
	w.cut(false)
	w.await(5*time.Second, func() bool { return a.up(b) })
	w.run(time.Second)
	var got []string
	for _, m := range b.got {
		got = append(got, fmt.Sprint(m.intent, " ", m.payload))
	}
	require.ElementsMatch(t, []string{"latest latest", "reliable reliable"}, got)
}
