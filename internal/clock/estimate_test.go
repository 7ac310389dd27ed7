package clock

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
)

const ms = time.Millisecond

func TestOneExchange(t *testing.T) {
	var e Estimate
	_, _, ok := e.Offset(0)
	require.False(t, ok)
	require.True(t, e.Add(-3*ms, 7*ms, 100*ms, 100*ms))
	ahead, within, ok := e.Offset(100 * ms)
	require.True(t, ok)
	require.Equal(t, 2*ms, ahead)
	require.Equal(t, 5*ms, within)
}

// Each direction has its own minimum. The fastest packets of both directions prove more
// together than any single exchange.
func TestIntersection(t *testing.T) {
	var e Estimate
	require.True(t, e.Add(-1*ms, 9*ms, 0, 0)) // slow there
	require.True(t, e.Add(-8*ms, 3*ms, 0, 0)) // slow back
	require.True(t, e.Add(-50*ms, 50*ms, 0, 0))
	ahead, within, _ := e.Offset(0)
	require.Equal(t, 1*ms, ahead)
	require.Equal(t, 2*ms, within)
}

// The bound grows by the drift, and no more than that.
func TestDrift(t *testing.T) {
	var e Estimate
	e.Add(0, 2*ms, 0, 0)
	_, within, _ := e.Offset(10 * time.Second)
	require.Equal(t, 1*ms+2*ms, within)
	_, within, _ = e.Offset(-time.Second)
	require.Equal(t, 1*ms, within, "times before the exchange")
	require.True(t, e.Add(-2*ms, 0, 10*time.Second, 10*time.Second), "within the drift")
	ahead, within, _ := e.Offset(10 * time.Second)
	require.Equal(t, -1*ms, ahead)
	require.Equal(t, 1*ms, within)
}

// After a contradiction only the newest exchange counts.
func TestContradiction(t *testing.T) {
	var e Estimate
	e.Add(0, 2*ms, 0, 0)
	require.False(t, e.Add(5*ms, 9*ms, time.Second, time.Second))
	ahead, within, _ := e.Offset(time.Second)
	require.Equal(t, 7*ms, ahead)
	require.Equal(t, 2*ms, within)
	require.False(t, e.Add(-9*ms, -5*ms, time.Second, time.Second))
	ahead, _, _ = e.Offset(time.Second)
	require.Equal(t, -7*ms, ahead)
}

func TestRefused(t *testing.T) {
	var e Estimate
	for _, c := range [][2]time.Duration{{1, 0}, {math.MinInt64, 0}, {0, math.MaxInt64}, {math.MaxInt64, math.MinInt64}, {-Most - 1, 0}} {
		require.False(t, e.Add(c[0], c[1], 0, 0))
	}
	for _, c := range [][2]time.Duration{{1, 0}, {math.MinInt64, 0}, {0, math.MaxInt64}} {
		require.False(t, e.Add(0, 0, c[0], c[1]), "sent later than now, or too far away")
	}
	_, _, ok := e.Offset(0)
	require.False(t, ok)
	require.True(t, e.Add(-Most, Most, 0, 0))
	_, within, _ := e.Offset(math.MaxInt64)
	require.Positive(t, within, "no overflow")
}

// Whatever the delays of both directions, the true offset is within the bound, as long
// as the clocks drift apart by no more than is allowed.
func TestTruthIsWithinTheBound(t *testing.T) {
	r := seed.Rand(t)
	for range 300 {
		drift := (2*r.Float64() - 1) / Drift
		start := time.Duration(r.Int64N(int64(100*time.Hour))) - 50*time.Hour
		offset := func(now time.Duration) time.Duration { return start + time.Duration(drift*float64(now)) }
		there, back := time.Duration(1+r.Int64N(int64(100*ms))), time.Duration(1+r.Int64N(int64(100*ms)))
		var e Estimate
		for now := time.Duration(0); now < time.Hour; {
			now += time.Duration(r.Int64N(int64(20 * time.Second)))
			t1 := now
			arrived := t1 + there + time.Duration(r.Int64N(int64(there)))
			t2 := arrived + offset(arrived)
			left := arrived + time.Duration(r.Int64N(int64(25*ms)))
			t3 := left + offset(left)
			now = left + back + time.Duration(r.Int64N(int64(back)))
			// One clock measures t1 and t4, the other t2 and t3, rounded to a nanosecond.
			require.True(t, e.Add(t3-now-1, t2-t1+1, t1, now))
			later := now + time.Duration(r.Int64N(int64(10*time.Second)))
			ahead, within, _ := e.Offset(later)
			require.LessOrEqual(t, (ahead - offset(later)).Abs(), within+2)
			require.LessOrEqual(t, within, 200*ms+10*ms, "half of the worst round trip and the drift since")
		}
	}
}

func FuzzEstimate(f *testing.F) {
	f.Add(int64(0), int64(5), int64(7), int64(9), int64(-3), int64(2), int64(9), int64(10))
	f.Fuzz(func(t *testing.T, low, high, sent, at, low2, high2, sent2, at2 int64) {
		var e Estimate
		e.Add(time.Duration(low), time.Duration(high), time.Duration(sent), time.Duration(at))
		e.Add(time.Duration(low2), time.Duration(high2), time.Duration(sent2), time.Duration(at2))
		ahead, within, ok := e.Offset(time.Duration(at2))
		if !ok {
			return
		}
		require.GreaterOrEqual(t, within, time.Duration(0))
		require.LessOrEqual(t, ahead.Abs(), 3*Most)
	})
}

// The bound includes the drift during an exchange: the time at which a request arrived
// bounds the offset when it was sent, not when the answer comes.
func TestDriftDuringAnExchange(t *testing.T) {
	var e Estimate
	require.True(t, e.Add(0, 2*ms, 0, 10*time.Second))
	_, within, _ := e.Offset(10 * time.Second)
	require.Equal(t, 1*ms+1*ms, within)
}

// Many exchanges at short intervals widen the bound as one long pause does.
func TestDriftAddsUp(t *testing.T) {
	var e Estimate
	require.True(t, e.Add(-5*ms, 5*ms, 0, 0))
	for now := time.Duration(0); now <= time.Second; now += Drift - 1 {
		require.True(t, e.Add(-time.Hour, time.Hour, now, now))
	}
	_, within, _ := e.Offset(time.Second)
	require.Equal(t, 5*ms+time.Second/Drift, within)
}
