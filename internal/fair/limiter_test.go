package fair

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
)

const (
	second      = pipeline.Time(time.Second)
	start       = 1000 * second
	millisecond = second / 1000
)

func address(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
}

func someSeed(r *rand.Rand) (s [16]byte) {
	for i := range s {
		s[i] = byte(r.Uint32())
	}
	return s
}

// asker is an address that sends requests at even intervals.
type asker struct {
	every, next    pipeline.Time
	asked, granted int
}

// ask runs the requests of all askers in order of time, until end.
func ask(l *Limiter, askers []*asker, end pipeline.Time, heard func(who int, a Answer)) {
	for {
		who := 0
		for i, a := range askers {
			if a.next < askers[who].next {
				who = i
			}
		}
		a := askers[who]
		if a.next >= end {
			return
		}
		answer := l.Take(a.next, address(who))
		a.asked++
		if answer == Granted {
			a.granted++
		}
		if heard != nil {
			heard(who, answer)
		}
		a.next += a.every
	}
}

// At a rate of 200/s, one address sends 10,000 requests/s and 20 others 5/s each.
// The requests of the others are granted, and the one gets the rest.
func TestFloodDoesNotAffectOthers(t *testing.T) {
	r := seed.Rand(t)
	l := New(200, 50, someSeed(r))
	askers := []*asker{{every: second / 10_000, next: start}}
	for range 20 {
		askers = append(askers, &asker{every: second / 5, next: start + second + pipeline.Time(r.Int64N(int64(second/5)))})
	}
	ask(l, askers, start+21*second, nil)
	asked, granted := 0, 0
	for _, a := range askers[1:] {
		asked += a.asked
		granted += a.granted
	}
	require.EqualValues(t, 2000, asked)
	// A few of them collide with the flooding address.
	require.GreaterOrEqual(t, granted, asked-10)
	require.InDelta(t, 200*21-asked, askers[0].granted, 60, "the flooding address gets the rest")
}

// The first requests of addresses in their rounds, if within the rate and half of
// the burst, never find the bucket empty, regardless of other requests.
func TestFirstRequestsWithinTheHalfAreGranted(t *testing.T) {
	r := seed.Rand(t)
	const rate, burst = 200, 50
	l := New(rate, burst, someSeed(r))
	had, round := map[int]bool{}, l.round // addresses that had their turn
	credit, last := burst/2.0, start      // of a bucket for first requests only
	first, refused, again := 0, 0, 0
	for now := start; now < start+60*second; now += pipeline.Time(r.Int64N(int64(20 * millisecond))) {
		credit = min(burst/2, credit+rate*time.Duration(now-last).Seconds())
		last = now
		for range r.IntN(40) {
			who := r.IntN(5)
			if r.IntN(20) == 0 {
				who = r.IntN(100_000)
			}
			if had[who] {
				if l.Take(now, address(who)) == Granted {
					again++
				}
			} else if credit > 1.001 {
				credit--
				first++
				switch l.Take(now, address(who)) {
				case Empty:
					require.Fail(t, "the lower half of the bucket is empty")
				case Share:
					refused++ // a collision
				case Granted:
					had[who] = true
				}
			}
			if l.round != round {
				had, round = map[int]bool{who: true}, l.round
			}
		}
	}
	require.Greater(t, first, 3000)
	require.Greater(t, again, 1000)
	require.Less(t, refused, first/50)
}

// Busy addresses share the rate evenly, regardless of how unevenly they send
// requests. An address with fewer requests than its share gets them granted.
func TestBusyAddressesShareEvenly(t *testing.T) {
	r := seed.Rand(t)
	l := New(200, 50, someSeed(r))
	var askers []*asker
	for _, perSecond := range []int{10_000, 3000, 1000, 300, 90, 10} {
		askers = append(askers, &asker{every: second / pipeline.Time(perSecond), next: start + pipeline.Time(r.Int64N(int64(second/10)))})
	}
	ask(l, askers, start+20*second, nil)
	require.InDelta(t, askers[5].asked, askers[5].granted, 10, "10/s is less than a share")
	for _, a := range askers[:5] {
		require.InDelta(t, 20*(200-10)/5, a.granted, 20*(200-10)/5*0.1)
	}
}

// 150 addresses, far more than the bucket has tokens, send requests all the time.
// Another one that sends a request every B/2R seconds gets its turn before any other
// address gets two tokens.
func TestTurnComesBeforeOthersHaveTwo(t *testing.T) {
	r := seed.Rand(t)
	const rate, burst, busy = 200, 50, 150
	l := New(rate, burst, someSeed(r))
	patient := &asker{every: second * burst / 2 / rate, next: start + second}
	askers := []*asker{patient}
	for range busy {
		askers = append(askers, &asker{every: 10 * millisecond, next: start + pipeline.Time(r.Int64N(int64(10*millisecond)))})
	}
	late := 0
	var waiting map[int]int // grants to others since its refusal; nil if it was not refused
	ask(l, askers, start+30*second, func(who int, a Answer) {
		switch {
		case who != 0 && a == Granted && waiting != nil:
			if waiting[who]++; waiting[who] == 2 {
				late++
			}
		case who == 0 && a != Empty: // Share: it has had its turn, or collides
			waiting = nil
		case who == 0 && waiting == nil:
			waiting = map[int]int{}
		}
	})
	require.Zero(t, late)
	require.Greater(t, patient.granted, 30*rate/(busy+1)*8/10)
}

// A single address gets the whole rate, and half of the burst at once.
func TestSingleAddressGetsTheWholeRate(t *testing.T) {
	l := New(200, 50, [16]byte{1})
	at := func(now pipeline.Time) (n int) {
		for l.Take(now, address(1)) == Granted {
			n++
		}
		return n
	}
	require.Equal(t, 25, at(start))
	require.Equal(t, 0, at(start))
	require.Equal(t, Share, l.Take(start, address(1)))
	total := 0
	for now := start + millisecond; now <= start+10*second; now += millisecond {
		total += at(now)
	}
	require.InDelta(t, 2000, total, 1)
	for i := range 25 {
		require.Equal(t, Granted, l.Take(start+10*second, address(100+i)), "the other half is reserved for others")
	}
	require.Equal(t, Empty, l.Take(start+10*second, address(200)))
}

// 100,000 addresses need no more memory than one, and together get no more than
// rate and burst.
func TestManyAddressesKeepNoState(t *testing.T) {
	l, granted := New(200, 50, [16]byte{1}), 0
	i := 0
	require.Zero(t, testing.AllocsPerRun(99_999, func() {
		i++
		if l.Take(start+pipeline.Time(i)*second/100_000, address(i)) == Granted {
			granted++
		}
	}))
	require.InDelta(t, 250, granted, 2)
}

// An address that collides with a busy address in one round gets its turn in the
// next.
func TestCollisionsDoNotLast(t *testing.T) {
	l := New(200, 50, [16]byte{1})
	require.Equal(t, Granted, l.Take(start, address(1)))
	twin := 2
	for l.mark(address(twin)) != l.mark(address(1)) {
		twin++
	}
	for l.Take(start, address(1)) == Granted {
		continue
	}
	require.Equal(t, Granted, l.Take(start, address(twin)))
}

func TestSmallestBurst(t *testing.T) {
	l := New(1, 0, [16]byte{1})
	require.Equal(t, Granted, l.Take(start, address(1)))
	require.Equal(t, Share, l.Take(start, address(1)))
	require.Equal(t, Granted, l.Take(start, address(2)))
	require.Equal(t, Empty, l.Take(start, address(3)))
	require.Equal(t, Granted, l.Take(start+2*second, address(1)))
}

func BenchmarkTake(b *testing.B) {
	for name, step := range map[string]pipeline.Time{"granted": second, "refused": 0} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			l, now := New(10_000, 1000, [16]byte{1}), start
			for b.Loop() {
				now += step
				l.Take(now, address(1))
			}
		})
	}
}
