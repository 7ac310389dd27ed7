package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/intentra/intentra"
)

// latencyBounds are the upper bounds of the buckets of histograms of latency, in seconds:
// powers of two around the latencies of private networks. A program that opens at 50 ms
// what the page calls late finds that bound here.
var latencyBounds = []float64{0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.05, 0.1, 0.25, 0.5, 1, 2}

// rttHistogram is a classic histogram of round-trip times. Each collection observes the
// smoothed round-trip time of each connected peer once, so that the path of packets has
// nothing to count. Quantiles over a time are those over all peers and collections.
type rttHistogram struct {
	desc *prometheus.Desc

	mu     sync.Mutex
	counts []uint64 // not cumulative; the last one is of values above all bounds
	total  uint64
	sum    float64
}

func newRTTHistogram() *rttHistogram {
	return &rttHistogram{
		desc:   newDesc("rtt_seconds", "Smoothed round-trip times of connected peers, each observed once in every collection."),
		counts: make([]uint64, len(latencyBounds)+1),
	}
}

// collect observes the peers that have a sample, and emits the histogram.
func (h *rttHistogram) collect(peers []intentra.PeerStats, out chan<- prometheus.Metric) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range peers {
		if p.RTT <= 0 {
			continue
		}
		v := p.RTT.Seconds()
		h.counts[bucketOf(v)]++
		h.total++
		h.sum += v
	}
	out <- prometheus.MustNewConstHistogram(h.desc, h.total, h.sum, cumulative(h.counts))
}

// bucketOf returns the index of the first bound that is not below v.
func bucketOf(v float64) int {
	for i, b := range latencyBounds {
		if v <= b {
			return i
		}
	}
	return len(latencyBounds)
}

// cumulative returns the buckets in the form of Prometheus.
func cumulative(counts []uint64) map[float64]uint64 {
	buckets, n := make(map[float64]uint64, len(latencyBounds)), uint64(0)
	for i, b := range latencyBounds {
		n += counts[i]
		buckets[b] = n
	}
	return buckets
}

// NewAgeCollector returns a collector of the ages of updates from origin to handler, as the
// classic histogram intentra_update_age_seconds. counts returns how many updates there have
// been so far for each bound, with ages up to it and above the bound before, and one more
// for those above all bounds, as for the page (console.AgeBounds). It must be safe for
// concurrent use. The sum is estimated from the bounds. NewAgeCollector panics if counts is
// nil or bounds is empty.
func NewAgeCollector(bounds []time.Duration, counts func() []uint64) prometheus.Collector {
	if counts == nil {
		panic("metrics: NewAgeCollector: the func counts is nil")
	}
	if len(bounds) == 0 {
		panic("metrics: NewAgeCollector: bounds is empty")
	}
	return &ageCollector{
		desc: newDesc("update_age_seconds", "Ages of updates from origin to handler."), bounds: append([]time.Duration(nil), bounds...), counts: counts,
	}
}

// ageCollector is immutable.
type ageCollector struct {
	desc   *prometheus.Desc
	bounds []time.Duration
	counts func() []uint64
}

// Describe implements [prometheus.Collector].
func (c *ageCollector) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

// Collect implements [prometheus.Collector].
func (c *ageCollector) Collect(out chan<- prometheus.Metric) {
	own, counts := make([]uint64, len(latencyBounds)+1), c.counts()
	for i, n := range counts {
		own[bucketOf(valueOf(c.bounds, i))] += n
	}
	total, sum := agesOf(c.bounds, counts)
	out <- prometheus.MustNewConstHistogram(c.desc, total, sum, cumulative(own))
}

// agesOf returns how many ages are counted, and the estimate of their sum.
func agesOf(bounds []time.Duration, counts []uint64) (total uint64, sum float64) {
	for i, n := range counts {
		total += n
		sum += valueOf(bounds, i) * float64(n)
	}
	return total, sum
}

// valueOf returns the age that those of a bucket count as, in seconds.
func valueOf(bounds []time.Duration, bucket int) float64 {
	if bucket < len(bounds) {
		return bounds[bucket].Seconds()
	}
	return 2 * bounds[len(bounds)-1].Seconds() // above all bounds
}
