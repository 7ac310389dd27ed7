package conn

import (
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

// rough is what the worst networks that we mean to serve do.
var rough = link{delay: 5 * time.Millisecond, jitter: 30 * time.Millisecond, loss: 0.1, dup: 0.1}

// stream sends the numbers from zero to n on each of the channels, as the queue
// takes them.
type stream struct {
	from, to *node
	intent   pipeline.Intent
	channels uint32
	n        int
	size     int
	next     int
}

// feed queues what there is room for, and reports whether all is queued.
func (s *stream) feed() bool {
	for ; s.next < s.n*int(s.channels); s.next++ {
		channel := uint32(s.next) % s.channels
		o := s.from.push(s.to, channel, s.intent, number(s.next/int(s.channels), max(s.size, 1)))
		if o == QueueFull || o == PeerOffline {
			return false
		}
	}
	return true
}

// run feeds the stream every millisecond until all is queued.
func (s *stream) run() {
	if !s.feed() {
		s.from.w.after(time.Millisecond, s.run)
	}
}

// requireExactlyOnce checks that n numbers came in order on each channel.
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

func TestReliable(t *testing.T) {
	for _, l := range []link{
		{delay: 5 * time.Millisecond},
		rough,
		{delay: 20 * time.Millisecond, jitter: 60 * time.Millisecond, loss: 0.4, dup: 0.3},
	} {
		seeds(t, 5, func(t *testing.T, seed uint64) {
			w := newNetwork(t, seed)
			a, b := w.pair()
			w.link = l
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
			require.Equal(t, 1, a.count(PeerUp), "one session did it")
			require.Zero(t, a.ep.stats.Strikes+b.ep.stats.Strikes)
			w.link = link{}
			pa, pb := a.peer(b), b.peer(a)
			w.await(time.Second, func() bool {
				a.ep.Probe(pa, w.now)
				b.ep.Probe(pb, w.now)
				return a.ep.Settled(pa) && b.ep.Settled(pb)
			})
			w.checkAll()
			w.closeAll()
			require.Equal(t, pa.stats.MessagesOut, pa.stats.Acked+pa.stats.Lost, "the fate of all is known")
			require.GreaterOrEqual(t, pa.stats.Acked, uint64(channels*n*9/10))
		})
	}
}

// A channel that waits for a lost message holds up no other.
func TestReliableChannelsDoNotWait(t *testing.T) {
	w := newNetwork(t, 1)
	a, b := w.pair()
	w.run(time.Second)
	lose := true
	w.links = func(from, _ netip.AddrPort) link { return link{delay: time.Millisecond, cut: lose && from == a.addr} }
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

// A lost message is sent again once later ones have been acknowledged, a round
// trip and not a time-out later.
func TestReliableIsRepairedInARoundTrip(t *testing.T) {
	w := newNetwork(t, 5)
	w.link.delay = 50 * time.Millisecond
	a, b := w.pair()
	lose := true
	w.tap = func(from, _ netip.AddrPort, _ []byte) bool { return from != a.addr || !lose }
	a.push(b, 1, pipeline.Reliable, "0")
	lose = false
	for i := range 5 {
		a.push(b, 1, pipeline.Reliable, number(i+1, 1))
	}
	require.Greater(t, a.ep.rto(a.session(b)), 200*time.Millisecond)
	took := w.await(time.Second, func() bool { return len(b.got) == 6 })
	require.Equal(t, 155*time.Millisecond, took)
}

// Into silence a message is sent ever more rarely.
func TestReliableBacksOff(t *testing.T) {
	w := newNetwork(t, 6)
	a, b := w.pair()
	w.run(time.Second)
	w.link.cut = true
	kinds := map[netip.AddrPort]int{}
	w.tap = func(from, _ netip.AddrPort, _ []byte) bool { kinds[from]++; return true }
	b.push(a, 1, pipeline.Reliable, "x")
	w.run(20 * time.Second)
	require.Greater(t, kinds[b.addr], 10)
	require.LessOrEqual(t, kinds[b.addr], 18)
}

// While the reader has no room nothing is lost: it is sent again.
func TestReliableWaitsForTheReader(t *testing.T) {
	w := newNetwork(t, 2)
	a, b := w.pair()
	b.full = true
	s := &stream{from: a, to: b, intent: pipeline.Reliable, channels: 2, n: 50}
	s.run()
	w.run(20 * time.Second)
	require.Empty(t, b.got)
	require.Equal(t, 1, a.count(PeerUp), "a slow reader is no dead peer")
	require.NotZero(t, b.drops("ack/receiver_full"))
	b.full = false
	w.await(5*time.Second, func() bool { return len(b.got) == 100 })
	requireExactlyOnce(t, b.got, 2, 50)
	w.checkAll()
}

func TestLatestNeverGoesBack(t *testing.T) {
	seeds(t, 10, func(t *testing.T, seed uint64) {
		w := newNetwork(t, seed)
		a, b := w.pair()
		w.link = rough
		for i := range 500 {
			for c := range uint32(3) {
				a.push(b, c, pipeline.Latest, strconv.Itoa(i))
			}
			w.run(2 * time.Millisecond)
		}
		w.link = link{}
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
		require.Equal(t, [3]int{500, 500, 500}, last, "the newest has arrived")
		require.Greater(t, len(b.got), 300)
		w.checkAll()
	})
}

func TestRealtime(t *testing.T) {
	seeds(t, 10, func(t *testing.T, seed uint64) {
		w := newNetwork(t, seed)
		a, b := w.pair()
		w.link = rough
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

// What the peer had acknowledged but held back behind a gap is not lost with
// the session.
func TestHeldReliableOutlivesItsSession(t *testing.T) {
	w := newNetwork(t, 4)
	a, b := w.pair()
	w.run(time.Second)
	cut := true
	w.links = func(from, _ netip.AddrPort) link {
		return link{delay: time.Millisecond, cut: cut && from == a.addr}
	}
	a.push(b, 1, pipeline.Reliable, "0")
	a.push(b, 2, pipeline.Reliable, "0")
	cut = false
	for i := range 9 {
		a.push(b, 1, pipeline.Reliable, number(i+1, 1))
	}
	cut = true
	w.run(50 * time.Millisecond)
	require.Empty(t, b.got)
	require.NotZero(t, b.ep.Stats().HeldBytes)
	require.True(t, a.session(b).lane.at(5).acked)
	b, cut = b.restart(), false
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

// Reliable messages that a session takes down with it come through the next,
// where a message whose acknowledgement was lost may come twice.
func TestReliableOutlivesItsSession(t *testing.T) {
	seeds(t, 5, func(t *testing.T, seed uint64) {
		w := newNetwork(t, seed)
		a, b := w.pair()
		s := &stream{from: a, to: b, intent: pipeline.Reliable, channels: 1, n: 3000, size: 100}
		s.run()
		w.run(50 * time.Millisecond)
		w.link.cut = true
		w.run(20 * time.Second)
		require.False(t, a.up(b))
		w.link.cut = false
		w.await(20*time.Second, func() bool { return len(b.got) > 0 && b.got[len(b.got)-1].payload == number(2999, 100) })
		seen := map[string]int{}
		highest := -1
		for _, m := range b.got {
			i, err := strconv.Atoi(m.payload)
			require.NoError(t, err)
			require.LessOrEqual(t, i, highest+1, "none is left out")
			highest = max(highest, i)
			seen[m.payload]++
			require.LessOrEqual(t, seen[m.payload], 2)
		}
		w.checkAll()
	})
}

// What waits for a connection is kept, but for Realtime, and counted otherwise.
func TestOffline(t *testing.T) {
	w := newNetwork(t, 3)
	a, b := w.pair()
	w.link.cut = true
	w.await(20*time.Second, func() bool { return !a.up(b) })
	require.Equal(t, PeerOffline, a.push(b, 1, pipeline.Realtime, "stale"))
	require.Equal(t, Queued, a.push(b, 1, pipeline.Latest, "old"))
	require.Equal(t, Replaced, a.push(b, 1, pipeline.Latest, "latest"))
	require.Equal(t, Queued, a.push(b, 1, pipeline.Reliable, "reliable"))
	w.link.cut = false
	w.await(5*time.Second, func() bool { return a.up(b) })
	w.run(time.Second)
	var got []string
	for _, m := range b.got {
		got = append(got, fmt.Sprint(m.intent, " ", m.payload))
	}
	require.ElementsMatch(t, []string{"latest latest", "reliable reliable"}, got)
}
