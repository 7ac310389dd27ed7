package sim

import (
	"math"
	"math/bits"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/wire"
)

const many = 20_000 // datagrams

func TestLinkDelaysExactly(t *testing.T) {
	wt := overLink(t, 1, Link{Delay: 7 * time.Millisecond})
	wt.stream(10, time.Millisecond)
	require.Len(t, wt.came, 10)
	for i, a := range wt.came {
		require.Equal(t, 7*time.Millisecond, a.after)
		require.Equal(t, i, a.number())
		require.Equal(t, wt.a.Addr(), a.from)
	}
}

func TestLinkLoses(t *testing.T) {
	race.SkipHistory(t)
	for seed, p := range []float64{0, 0.001, 0.1, 0.5, 1} {
		wt := overLink(t, uint64(seed), Link{Loss: p})
		s := wt.stream(many, time.Microsecond)
		about(t, many, p, s.Lost)
		require.EqualValues(t, many-s.Lost, s.Arrived)
		require.Len(t, wt.came, int(s.Arrived))
	}
}

// A burst lasts 1/Leave datagrams on average, and the link is bad for
// Enter/(Enter+Leave) of the time.
func TestLinkLosesInBursts(t *testing.T) {
	race.SkipHistory(t)
	wt := overLink(t, 1, Link{Burst: Burst{Enter: 0.01, Leave: 0.2, Loss: 1}})
	s := wt.stream(many, time.Microsecond)
	bursts, last := 0, -1
	for _, a := range wt.came {
		if a.number() > last+1 {
			bursts++
		}
		last = a.number()
	}
	// After each datagram that arrived a burst may have begun.
	about(t, int(s.Arrived), 0.01, uint64(bursts))
	mean := float64(s.Lost) / float64(bursts)
	deviation := math.Sqrt(1-0.2) / 0.2 / math.Sqrt(float64(bursts)) // of the mean of a geometric distribution
	require.InDelta(t, 5, mean, 5*deviation)

	// A burst that loses each datagram with probability 0.5 loses half of them.
	half := overLink(t, 1, Link{Burst: Burst{Enter: 1, Leave: 0, Loss: 0.5}})
	about(t, many-1, 0.5, half.stream(many, time.Microsecond).Lost)
}

func TestLinkDuplicates(t *testing.T) {
	race.SkipHistory(t)
	wt := overLink(t, 1, Link{Delay: time.Millisecond, Jitter: time.Millisecond, Duplicate: 0.02})
	s := wt.stream(many, time.Microsecond)
	about(t, many, 0.02, s.Duplicated)
	require.EqualValues(t, many+s.Duplicated, s.Arrived)
	copies := map[int]int{}
	for _, a := range wt.came {
		copies[a.number()]++
	}
	require.Len(t, copies, many)
	twice := uint64(0)
	for _, n := range copies {
		require.LessOrEqual(t, n, 2)
		if n == 2 {
			twice++
		}
	}
	require.Equal(t, s.Duplicated, twice)
}

func TestLinkJitter(t *testing.T) {
	race.SkipHistory(t)
	wt := overLink(t, 1, Link{Delay: 10 * time.Millisecond, Jitter: 4 * time.Millisecond})
	wt.stream(many, time.Microsecond)
	var sum time.Duration
	var early, late bool
	for _, a := range wt.came {
		require.GreaterOrEqual(t, a.after, 10*time.Millisecond)
		require.Less(t, a.after, 14*time.Millisecond)
		early, late = early || a.after < 10100*time.Microsecond, late || a.after > 13900*time.Microsecond
		sum += a.after
	}
	require.True(t, early && late)
	deviation := 4e6 / math.Sqrt(12*many) // of the mean of a uniform distribution
	require.InDelta(t, 12e6, float64(sum)/many, 5*deviation)
}

func TestLinkReorders(t *testing.T) {
	race.SkipHistory(t)
	wt := overLink(t, 1, Link{Delay: 10 * time.Millisecond, Reorder: 0.1, ReorderDelay: 3 * time.Millisecond})
	s := wt.stream(many, time.Millisecond)
	about(t, many, 0.1, s.Reordered)
	late := uint64(0)
	for i, a := range wt.came {
		switch a.after {
		case 13 * time.Millisecond:
			late++
			// The next two datagrams arrive before it, unless they are late too. The
			// third arrives at the same time but is delivered after it.
			require.LessOrEqual(t, i-a.number(), 2)
		default:
			require.Equal(t, 10*time.Millisecond, a.after)
		}
	}
	require.Equal(t, s.Reordered, late)
}

func TestLinkCorruptsOneBit(t *testing.T) {
	wt := overLink(t, 1, Link{Corrupt: 0.05})
	for range many {
		wt.w.send(wt.a, wire.Datagram{Data: make([]byte, 20), Addr: wt.b.addr})
	}
	wt.w.run(t, time.Second)
	s := wt.stats()
	about(t, many, 0.05, s.Corrupted)
	flipped, places := uint64(0), map[int]bool{}
	for _, a := range wt.came {
		n := 0
		for i, b := range a.data {
			if n += bits.OnesCount8(b); b != 0 {
				places[8*i+bits.TrailingZeros8(b)] = true
			}
		}
		require.LessOrEqual(t, n, 1)
		flipped += uint64(n)
	}
	require.Equal(t, s.Corrupted, flipped)
	require.Len(t, places, 20*8, "every bit of the datagram is flipped at some time")
}

func TestLinkTruncates(t *testing.T) {
	race.SkipHistory(t)
	wt := overLink(t, 1, Link{Truncate: 0.1})
	s := wt.stream(many, time.Microsecond)
	about(t, many, 0.1, s.Truncated)
	short, lengths := uint64(0), map[int]bool{}
	for _, a := range wt.came {
		if len(a.data) < 100 {
			short++
			lengths[len(a.data)] = true
		}
	}
	require.Equal(t, s.Truncated, short)
	require.Len(t, lengths, 100, "every length below the original occurs")
}

func TestLinkCut(t *testing.T) {
	wt := overLink(t, 1, Link{Cut: true, Duplicate: 1})
	s := wt.stream(10, time.Microsecond)
	require.Equal(t, LinkStats{Sent: 10, SentBytes: 1000, Cut: 10}, s)
	wt.w.SetLink(wt.a, wt.b, Link{})
	require.EqualValues(t, 10, wt.stream(10, time.Microsecond).Arrived)
}

// A datagram that is too large for the sender's network card is refused before any tap
// sees it, and the endpoint learns which one it was. IPv4 fragments what may be
// fragmented.
func TestLinkLocalMTU(t *testing.T) {
	wt := overLink(t, 1, Link{LocalMTU: 128, Duplicate: 1})
	taps := 0
	wt.w.Tap(func(Datagram) Action { taps++; return Action{} })
	to := netip.AddrPortFrom(netip.AddrFrom16(wt.b.addr.Addr().As16()), wt.b.addr.Port())
	sent := []wire.Datagram{
		{Data: make([]byte, 100), Addr: wt.b.addr},
		{Data: make([]byte, 101), Addr: wt.b.addr},
		{Data: make([]byte, 101), Addr: to, Fragment: true},
		{Data: make([]byte, 101), Addr: to},
	}
	require.Equal(t, len(sent), wt.a.proc.write(sent))
	require.Equal(t, []int{1, 3}, wt.a.proc.tooLarge)
	wt.w.run(t, time.Second)
	require.Equal(t, 2, taps)
	require.Equal(t, LinkStats{Sent: 4, SentBytes: 403, Duplicated: 2, TooLarge: 2, Arrived: 4}, wt.stats())
	require.ErrorIs(t, Link{LocalMTU: -1}.Validate(), ErrLink)

	require.Equal(t, 1, wt.a.proc.write(sent[:1]))
	require.Empty(t, wt.a.proc.tooLarge)
}

func TestPartition(t *testing.T) {
	w := newWorld(t, 1)
	var all []*Node
	for _, name := range []string{"a", "b", "c", "outside"} {
		all = append(all, w.node(t, name))
	}
	reach := func() (pairs string) {
		for _, from := range all {
			for _, to := range all {
				before := w.LinkStats(from, to).Arrived
				w.send(from, wire.Datagram{Data: []byte("x"), Addr: to.addr})
				w.run(t, time.Second)
				if from != to && w.LinkStats(from, to).Arrived > before {
					pairs += from.Name()[:1] + to.Name()[:1] + " "
				}
			}
		}
		return pairs
	}
	const allPairs = "ab ac ao ba bc bo ca cb co oa ob oc "
	require.Equal(t, allPairs, reach())
	w.Partition(all[:2], all[2:3])
	require.Equal(t, "ab ao ba bo co oa ob oc ", reach())
	w.Partition(all[:1], all[1:2])
	require.Equal(t, "ac ao bc bo ca cb co oa ob oc ", reach(), "the new partition replaces the old one")
	w.Heal()
	require.Equal(t, allPairs, reach())
	require.EqualValues(t, 1, w.LinkStats(all[0], all[1]).Cut)
}

// Loss on one link does not change what happens on another.
func TestLinksAreIndependent(t *testing.T) {
	lost := func(other Link) (numbers []int) {
		wt := overLink(t, 1, Link{Loss: 0.3})
		c := wt.w.node(t, "c")
		wt.w.SetLink(wt.a, c, other)
		for range 100 {
			wt.send(100)
			wt.w.send(wt.a, wire.Datagram{Data: []byte("x"), Addr: c.addr})
		}
		wt.w.run(t, time.Second)
		for _, a := range wt.came {
			numbers = append(numbers, a.number())
		}
		return numbers
	}
	require.Equal(t, lost(Link{}), lost(Link{Loss: 0.5, Duplicate: 0.5, Jitter: time.Second}))
}

func TestDefaultLink(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.node(t, "a"), w.node(t, "b")
	require.Equal(t, Link{Delay: 5 * time.Millisecond}, w.LinkBetween(a, b))
	w.SetDefault(Link{Delay: time.Second})
	w.SetLinks(a, b, Link{Loss: 1})
	w.SetDefault(Link{Delay: time.Minute})
	require.Equal(t, Link{Loss: 1}, w.LinkBetween(a, b))
	require.Equal(t, Link{Loss: 1}, w.LinkBetween(b, a))
	require.Equal(t, Link{Delay: time.Minute}, w.LinkBetween(a, w.node(t, "c")))
}

func TestLinkValidate(t *testing.T) {
	nan := math.NaN()
	for want, l := range map[string]Link{
		"Loss": {Loss: 1.1}, "Duplicate": {Duplicate: -0.1}, "Corrupt": {Corrupt: nan}, "Truncate": {Truncate: 2},
		"Burst.Enter": {Burst: Burst{Enter: 2}}, "Burst.Leave": {Burst: Burst{Leave: -1}}, "Burst.Loss": {Burst: Burst{Loss: nan}},
		"Delay": {Delay: -1}, "Jitter": {Jitter: 25 * time.Hour}, "ReorderDelay": {ReorderDelay: -1},
		"Rate": {Rate: -1}, "Queue": {Queue: -1}, "Reorder ": {Reorder: 0.1},
	} {
		err := l.Validate()
		require.ErrorIs(t, err, ErrLink)
		require.ErrorContains(t, err, want)
		w := New(1)
		w.SetDefault(l)
		require.ErrorIs(t, w.Run(time.Second), ErrLink)
		require.Zero(t, w.Elapsed())
	}
	require.NoError(t, Link{}.Validate())
	require.NoError(t, Link{Loss: 1, Rate: 1, Queue: 1, Reorder: 1, ReorderDelay: 1, Burst: Burst{1, 1, 1}}.Validate())
}
