package histogram

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The bounds of a value's bucket enclose the value, and are at most 1/32 of it
// apart.
func checkBucket(t *testing.T, v uint64) {
	i := bucket(v)
	require.Less(t, i, buckets)
	top := highest(i)
	require.GreaterOrEqual(t, top, v)
	require.LessOrEqual(t, top-v, v/32, "value %d", v)
	if i > 0 {
		require.Less(t, highest(i-1), v)
	}
}

func TestBuckets(t *testing.T) {
	for shift := range 63 {
		for _, d := range []int64{-1, 0, 1} {
			if v := int64(1)<<shift + d; v >= 0 {
				checkBucket(t, uint64(v))
			}
		}
	}
	checkBucket(t, math.MaxInt64)
	require.Equal(t, buckets-1, bucket(math.MaxInt64))
	for i := range buckets {
		require.Equal(t, i, bucket(highest(i)))
	}
}

func FuzzBucket(f *testing.F) {
	f.Add(int64(0))
	f.Add(int64(31))
	f.Add(int64(32))
	f.Add(int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, v int64) { checkBucket(t, uint64(max(v, 0))) })
}

// Quantiles agree with the sorted values, for several distributions.
func TestQuantileAgainstSort(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for _, n := range []int{1, 2, 10, 1000, 20_000} {
		var h Histogram
		var all []time.Duration
		for range n {
			d := time.Duration(math.Exp(rnd.Float64() * 30))
			h.Record(d)
			all = append(all, d)
		}
		slices.Sort(all)
		s := h.Snapshot()
		require.EqualValues(t, n, s.Count())
		require.Equal(t, all[n-1], s.Max())
		for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 0.999, 1} {
			want := all[max(int(math.Ceil(q*float64(n)))-1, 0)]
			got := s.Quantile(q)
			require.GreaterOrEqual(t, got, want, "q %v", q)
			require.LessOrEqual(t, got, want+want/32, "q %v", q)
			require.LessOrEqual(t, got, s.Max())
		}
	}
}

func TestEmpty(t *testing.T) {
	var h Histogram
	s := h.Snapshot()
	require.Zero(t, s.Quantile(0.5))
	require.Zero(t, s.Max())
	require.Zero(t, s.Count())
}

func TestNegativeCountsAsZero(t *testing.T) {
	var h Histogram
	h.Record(-5)
	require.EqualValues(t, 1, h.Snapshot().Count())
	require.Zero(t, h.Snapshot().Quantile(1))
}

func TestSince(t *testing.T) {
	var h Histogram
	for range 100 {
		h.Record(time.Millisecond)
	}
	first := h.Snapshot()
	for range 10 {
		h.Record(time.Microsecond)
	}
	d := h.Snapshot().Since(first)
	require.EqualValues(t, 10, d.Count())
	require.InEpsilon(t, time.Microsecond, d.Quantile(0.99), 1.0/32)
	require.EqualValues(t, 100, first.Count(), "a snapshot does not change")
}

func TestConcurrentRecords(t *testing.T) {
	var h Histogram
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 10_000 {
				h.Record(time.Duration(g*10_000 + i))
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 40_000, h.Snapshot().Count())
	require.EqualValues(t, 39_999, h.Snapshot().Max())
}

func TestRecordDoesNotAllocate(t *testing.T) {
	var h Histogram
	require.Zero(t, testing.AllocsPerRun(1000, func() { h.Record(12345) }))
}

func BenchmarkRecord(b *testing.B) {
	var h Histogram
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		h.Record(time.Duration(i))
	}
}
