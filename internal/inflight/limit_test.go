package inflight

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

const start = pipeline.Time(time.Hour)

func at(d time.Duration) pipeline.Time { return start + pipeline.Time(d) }

// stand resolves size bytes every 10 ms from a to b, with the round trip.
func (l *Limit) stand(a, b, rtt time.Duration, size int) {
	for t := a; t < b; t += 10 * time.Millisecond {
		l.Resolved(Ack{Size: size, Arrived: size, RTT: rtt, Sent: at(t - rtt)}, at(t))
	}
}

func TestZeroLimit(t *testing.T) {
	var l Limit
	require.Equal(t, First, l.Bound())
	require.Zero(t, l.Rate())
	require.True(t, l.Allows(First-1))
	require.False(t, l.Allows(First))
}

func TestRequests(t *testing.T) {
	var l Limit
	var asked []int
	for n := 0; n+1000 <= First; n += 1000 {
		asks := l.Asks(n, 1000)
		if l.Sent(1000, asks); asks {
			asked = append(asked, n/1000+1)
		}
	}
	require.Equal(t, []int{33, 36, 39, 42, 45, 48, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65}, asked)
	require.True(t, l.Asks(2*First, 1), "and above the bound")
	require.False(t, l.Asks(1000, 1000))
}

// A standing queue has the route measured while little is in flight, and then lowers
// the bound to what the link carries.
func TestStandingQueue(t *testing.T) {
	l := Known(10 * time.Millisecond)
	l.stand(0, shortest+1, 300*time.Millisecond, 2500) // 250,000 B/s
	require.Equal(t, drained, l.Bound(), "measuring")
	require.InDelta(t, 250_000, l.Rate(), 25_000)
	require.True(t, l.Queued())
	require.True(t, l.Asks(0, 10), "each packet requests an acknowledgement")

	l.Resolved(Ack{Size: 100, Left: 2 * drained, RTT: 100 * time.Millisecond, Sent: at(time.Second)}, at(time.Second))
	require.Equal(t, drained, l.Bound(), "the queue has not drained")
	l.Resolved(Ack{Size: 100, RTT: 90 * time.Millisecond, Sent: at(950 * time.Millisecond)}, at(1040*time.Millisecond))
	require.Equal(t, drained, l.Bound(), "it drained after that packet was sent")
	l.Resolved(Ack{Size: 100, RTT: 80 * time.Millisecond, Sent: at(1040 * time.Millisecond)}, at(1120*time.Millisecond))
	require.Equal(t, 80*time.Millisecond, l.base, "what remains is no queue of this peer")
	require.InDelta(t, 250_000*.105, l.Bound(), 2500)

	// Soon after, it is not measured again.
	bound := l.Bound()
	l.stand(1200*time.Millisecond, 1600*time.Millisecond, 200*time.Millisecond, 1500)
	require.Less(t, l.Bound(), bound)
	require.False(t, l.measuring)
	l.stand(1600*time.Millisecond, 2000*time.Millisecond, 200*time.Millisecond, 1)
	require.Equal(t, Least, l.Bound())
	l.stand(12*time.Second, 12*time.Second+11*time.Millisecond, 200*time.Millisecond, 1)
	require.True(t, l.measuring, "after a while it is, though the bound cannot fall")
}

// A short queue, or one that drains within the round, changes nothing.
func TestPassingQueue(t *testing.T) {
	l := Known(10 * time.Millisecond)
	l.stand(0, time.Second, 10*time.Millisecond+high, 100)
	require.Equal(t, First, l.Bound())
	require.True(t, l.Queued())
	for i := range 100 {
		rtt := time.Second
		if i%8 == 0 {
			rtt = 10 * time.Millisecond
		}
		l.stand(time.Second+time.Duration(i)*10*time.Millisecond, time.Second+time.Duration(i+1)*10*time.Millisecond, rtt, 100)
		require.Equal(t, First, l.Bound())
	}
}

func TestGrowth(t *testing.T) {
	grow := func(l Limit, a Ack) int {
		l.Resolved(a, start)
		return l.Bound()
	}
	known := Known(time.Millisecond)
	ack := Ack{Size: 40_000, Left: First / 4, RTT: time.Millisecond, Sent: start}
	require.Equal(t, First+First/4, grow(known, ack))
	require.Equal(t, First, grow(Limit{}, ack), "the first round trip may be a queue")
	late := ack
	late.RTT += low
	require.Equal(t, First, grow(known, late))
	little := ack
	little.Left--
	require.Equal(t, First, grow(known, little))
	require.False(t, known.Allows(First))
	require.Equal(t, First+little.Size, grow(known, little), "it has held something back")
	known.bound = enough
	require.Equal(t, enough, grow(known, little), "which counts up to here")
	known.bound = most
	require.Equal(t, most, grow(known, Ack{Size: most, Left: most, RTT: 1, Sent: start}))
}

func TestRefused(t *testing.T) {
	var l Limit
	l.Refused(40_000, start)
	require.Equal(t, 20_000, l.Bound())
	for range 10 {
		l.Refused(1000, start)
	}
	require.Equal(t, Smallest, l.Bound())
	l.base, l.measuredAt = time.Millisecond, start
	l.stand(0, time.Second, time.Second, 10)
	require.Equal(t, Smallest, l.Bound(), "a standing queue does not raise it")
	l.stand(again, again+2*time.Second, time.Second, 10)
	l.Resolved(Ack{RTT: time.Millisecond, Sent: at(again + 2*time.Second)}, at(again+2*time.Second))
	require.Equal(t, Least, l.Bound(), "forgotten after a while")
	l.Moved()
	require.Equal(t, Limit{}, l)
}

// FuzzLimit is a peer that acknowledges what and when it wants. Whatever it does, the
// bound stays in its range, and falls only after a round whose fastest round trip was
// longer than the shortest one by more than high, or a refusal.
func FuzzLimit(f *testing.F) {
	f.Add([]byte{1, 10, 200, 30, 2, 10, 200, 30, 3, 0, 0, 0})
	f.Add([]byte{0, 255, 255, 255, 2, 255, 255, 255, 2, 255, 255, 255, 4, 9, 9, 9})
	f.Fuzz(func(t *testing.T, b []byte) {
		var l Limit
		inFlight, now := 0, start
		for ; len(b) >= 4; b = b[4:] {
			size := int(b[1]) << (b[0] >> 4)
			now += pipeline.Time(b[2]) * pipeline.Time(b[2]) * pipeline.Time(time.Microsecond)
			rtt := time.Duration(b[3]) * time.Duration(b[3]) * 50 * time.Microsecond
			before, bound := l, l.Bound()
			switch b[0] % 8 {
			case 0, 1:
				if l.Allows(inFlight) {
					inFlight += size
					l.Sent(size, l.Asks(inFlight, size))
				}
			case 2, 3, 4:
				size = min(size, inFlight)
				inFlight -= size
				l.Resolved(Ack{Size: size, Arrived: size, Left: inFlight, RTT: rtt, Sent: now - pipeline.Time(rtt)}, now)
				if l.Bound() < bound {
					fastest := rtt
					if before.count > 0 {
						fastest = min(fastest, before.fastest)
					}
					require.True(t, before.measuring || fastest > before.base+high, "%+v", before)
				}
			case 5: // lost
				inFlight = max(inFlight-size, 0)
				l.Resolved(Ack{Size: size, Left: inFlight}, now)
				require.Equal(t, bound, l.Bound(), "loss alone")
			case 6:
				l.Refused(inFlight, now)
				require.LessOrEqual(t, l.usual(), max(before.usual()/2, Smallest))
			case 7:
				if size > 1<<20 {
					l.Moved()
				}
			}
			require.GreaterOrEqual(t, l.Bound(), Smallest)
			require.LessOrEqual(t, l.Bound(), most)
			require.GreaterOrEqual(t, l.Rate(), 0)
		}
	})
}

// Nothing overflows at the ends of the ranges.
func TestLimitExtremes(t *testing.T) {
	l := Known(time.Nanosecond)
	for i := range 10 {
		now := pipeline.Time(math.MaxInt64/2) + pipeline.Time(i)*pipeline.Time(24*time.Hour)
		l.Resolved(Ack{Size: math.MaxInt32, Arrived: math.MaxInt32, Left: math.MaxInt32, RTT: 24 * 365 * time.Hour, Sent: 0}, now)
		require.Positive(t, l.Bound())
	}
	require.False(t, l.Allows(math.MaxInt32))
}
