package metrics

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// A histogram is what has been gathered of one: below is the cumulative count of each
// bucket, by its upper bound.
type histogram struct {
	count uint64
	sum   float64
	below map[float64]uint64
}

// histogramOf returns a gathered histogram.
func histogramOf(t *testing.T, g prometheus.Gatherer, name string) histogram {
	t.Helper()
	families, err := g.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		got := f.GetMetric()[0].GetHistogram()
		h := histogram{got.GetSampleCount(), got.GetSampleSum(), map[float64]uint64{}}
		for _, b := range got.GetBucket() {
			h.below[b.GetUpperBound()] = b.GetCumulativeCount()
		}
		return h
	}
	require.Fail(t, "no such histogram", name)
	return histogram{}
}

// Each collection observes each peer with a sample once. A peer without one does not count
// as one with an RTT of zero.
func TestRTTHistogram(t *testing.T) {
	s := snapshot{peers: []intentra.PeerStats{{}, {RTT: 3 * time.Millisecond}, {RTT: 5 * time.Second}}}
	g := gatherer(t, s)
	require.EqualValues(t, 2, histogramOf(t, g, "intentra_rtt_seconds").count)
	h := histogramOf(t, g, "intentra_rtt_seconds")
	require.EqualValues(t, 4, h.count)
	require.InDelta(t, 10.006, h.sum, 1e-9)
	require.NotEmpty(t, h.below)
	for bound, count := range h.below {
		want := uint64(0)
		if bound >= 0.004 {
			want = 2
		}
		require.Equal(t, want, count, bound)
	}
}

func TestAgeHistogram(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	bounds := []time.Duration{time.Millisecond, 50 * time.Millisecond}
	r.MustRegister(NewAgeCollector(bounds, func() []uint64 { return []uint64{5, 3, 1} }))
	h := histogramOf(t, r, "intentra_update_age_seconds")
	require.EqualValues(t, 9, h.count)
	require.NotEmpty(t, h.below)
	for bound, count := range h.below {
		want := uint64(0)
		switch {
		case bound >= 0.1:
			want = 9
		case bound >= 0.05:
			want = 8
		case bound >= 0.001:
			want = 5
		}
		require.Equal(t, want, count, bound)
	}
	require.Panics(t, func() { NewAgeCollector(nil, func() []uint64 { return nil }) })
	require.Panics(t, func() { NewAgeCollector(bounds, nil) })
}
