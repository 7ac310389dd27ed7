package ratelimit

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/intentra/intentra/pipeline"
	"github.com/stretchr/testify/require"
)

const second = pipeline.Time(time.Second)

// exact is a bucket in arithmetic that cannot overflow. It counts the tokens that are
// present, where a Bucket counts those that are missing.
type exact struct {
	level, full *big.Int
	rate        *big.Int
	at          pipeline.Time
}

func newExact(rate, burst uint32) *exact {
	full := new(big.Int).Mul(big.NewInt(int64(burst)), big.NewInt(token))
	return &exact{level: new(big.Int).Set(full), full: full, rate: big.NewInt(int64(rate))}
}

func (e *exact) take(now pipeline.Time) bool {
	if now > e.at {
		elapsed := new(big.Int).Sub(big.NewInt(int64(now)), big.NewInt(int64(e.at)))
		e.level.Add(e.level, elapsed.Mul(elapsed, e.rate))
	}
	if now > e.at || e.level.Cmp(e.full) == 0 {
		e.at = now
	}
	if e.level.Cmp(e.full) > 0 {
		e.level.Set(e.full)
	}
	left := new(big.Int).Sub(e.level, big.NewInt(token))
	if left.Sign() < 0 {
		return false
	}
	e.level = left
	return true
}

func TestBucketAgainstExactArithmetic(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	rates := []uint32{0, 1, 3, 7, 10_000, 999_999_999, 1_000_000_001, math.MaxUint32}
	for range 300 {
		rate, burst := rates[r.IntN(len(rates))], rates[r.IntN(len(rates))]>>r.IntN(32)
		b, e, now := Bucket{}, newExact(rate, burst), pipeline.Time(r.Int64N(1<<40)-1<<39)
		step := int64(1) << r.IntN(62)
		for range 200 {
			if now += pipeline.Time(r.Int64N(step)); r.IntN(10) == 0 {
				now -= pipeline.Time(r.Int64N(step))
			}
			require.Equal(t, e.take(now), b.Take(now, rate, burst), "seed %d, rate %d, burst %d, now %d", seed, rate, burst, now)
		}
	}
}

// If it is asked more often than it refills, a bucket of two or more tokens yields
// exactly burst + rate * time tokens, rounded down.
func TestBucketIsExactOverALongRun(t *testing.T) {
	for _, c := range []struct{ rate, burst, perSecond uint32 }{
		{10_000, 500, 50_000}, {7, 3, 1000}, {999, 2, 10_007}, {1, 2, 3},
	} {
		var b Bucket
		var taken, n uint64
		gap := second / pipeline.Time(c.perSecond) // rounded: the last time says how long it was
		for now := pipeline.Time(0); now < 20*second; now += gap {
			if b.Take(now, c.rate, c.burst) {
				taken++
			}
			n = uint64(now)
		}
		require.Equal(t, uint64(c.burst)+uint64(c.rate)*n/uint64(second), taken, "%+v", c)
	}
}

func TestBucketReadyTakesNothing(t *testing.T) {
	var b Bucket
	for range 1000 {
		require.True(t, b.Ready(5, 10, 1))
	}
	b.Charge()
	require.False(t, b.Ready(5, 10, 1))
}

func TestBucketExtremes(t *testing.T) {
	const top = math.MaxUint32
	t.Run("longest jump", func(t *testing.T) {
		var b Bucket
		for range 3 {
			require.True(t, b.Take(math.MinInt64, top, 3))
		}
		require.False(t, b.Take(math.MinInt64, top, 3))
		require.True(t, b.Take(math.MaxInt64, top, 3))
		require.Equal(t, Bucket{missing: token, at: math.MaxInt64}, b)
	})
	t.Run("refill of 2^64", func(t *testing.T) { // its low word is zero
		b := Bucket{missing: token, at: 0}
		require.True(t, b.Ready(1<<33, 1<<31, 1))
	})
	t.Run("largest burst", func(t *testing.T) {
		b := Bucket{missing: uint64(top-1) * token, at: 1}
		require.True(t, b.Take(1, 0, top))
		require.False(t, b.Take(1, 0, top))
		require.False(t, b.Take(math.MaxInt64, 0, top), "rate 0 never refills")
	})
	t.Run("debt does not wrap", func(t *testing.T) {
		b := Bucket{missing: math.MaxUint64 - token + 1}
		b.Charge()
		require.False(t, b.Ready(0, top, top))
	})
	t.Run("no burst", func(t *testing.T) {
		var b Bucket
		require.False(t, b.Ready(0, top, 0))
	})
	t.Run("smaller burst than before", func(t *testing.T) {
		var b Bucket
		for range 100 {
			require.True(t, b.Take(0, 1, 100))
		}
		require.False(t, b.Ready(99*second, 1, 1))
		require.True(t, b.Ready(100*second, 1, 1))
	})
}

func TestBucketIgnoresTimeGoingBack(t *testing.T) {
	var b Bucket
	require.True(t, b.Take(100*second, 1, 1))
	for range 100 {
		require.False(t, b.Take(0, 1, 1))
		require.False(t, b.Take(100*second+second/2, 1, 1), "the same half second counts once")
	}
	require.True(t, b.Take(101*second, 1, 1))
}

// A deficit grows until another token does not fit in 64 bits, and no further.
func TestDeficitSaturates(t *testing.T) {
	for _, below := range []uint64{0, 1, token - 1, token, token + 1, 2 * token} {
		b := Bucket{missing: math.MaxUint64 - below}
		for range 3 {
			before := b.missing
			b.Charge()
			require.Equal(t, before <= math.MaxUint64-token, b.missing > before)
			require.GreaterOrEqual(t, b.missing, before)
		}
		require.Greater(t, b.missing, uint64(math.MaxUint64-token))
	}
}
