package console

import (
	"math"
	"runtime/metrics"
	"time"
)

// runtimeItem is one chart of the Go runtime.
type runtimeItem struct {
	Label string  `json:"l"`
	Unit  string  `json:"u"`
	Value float64 `json:"v"`
}

// runtimeBook reads runtime/metrics.
type runtimeBook struct {
	samples []metrics.Sample
	before  []metrics.Sample
	at      time.Time
}

// The metrics in the order of runtimeBook.samples.
var runtimeNames = []string{
	"/memory/classes/heap/objects:bytes",
	"/sched/goroutines:goroutines",
	"/gc/heap/allocs:bytes",
	"/gc/cycles/total:gc-cycles",
	"/sched/latencies:seconds",
	"/sched/pauses/total/gc:seconds",
}

func newRuntimeBook() *runtimeBook {
	b := new(runtimeBook)
	for _, name := range runtimeNames {
		b.samples = append(b.samples, metrics.Sample{Name: name})
		b.before = append(b.before, metrics.Sample{Name: name})
	}
	return b
}

// read returns the charts. Rates are those since the reading before.
func (b *runtimeBook) read() []runtimeItem {
	b.samples, b.before = b.before, b.samples
	metrics.Read(b.samples)
	now := time.Now()
	span := now.Sub(b.at).Seconds()
	first := b.at.IsZero()
	b.at = now
	number := func(s []metrics.Sample, i int) float64 {
		if s[i].Value.Kind() != metrics.KindUint64 {
			return 0
		}
		return float64(s[i].Value.Uint64())
	}
	rate := func(i int) float64 {
		if first {
			return 0
		}
		return math.Max(number(b.samples, i)-number(b.before, i), 0) / span
	}
	return []runtimeItem{
		{"Heap objects", "MB", number(b.samples, 0) / 1e6},
		{"Goroutines", "", number(b.samples, 1)},
		{"Allocated", "MB/s", rate(2) / 1e6},
		{"GC cycles", "/s", rate(3)},
		{"Scheduler p99", "ms", 1000 * tail(b.samples[4], b.before[4], first)},
		{"GC pause p99", "ms", 1000 * tail(b.samples[5], b.before[5], first)},
	}
}

// tail returns the p99 of what a histogram has gained, zero without anything.
func tail(now, before metrics.Sample, first bool) float64 {
	if first || now.Value.Kind() != metrics.KindFloat64Histogram || before.Value.Kind() != metrics.KindFloat64Histogram {
		return 0
	}
	h, old := now.Value.Float64Histogram(), before.Value.Float64Histogram()
	if len(h.Counts) != len(old.Counts) {
		return 0
	}
	total := uint64(0)
	for i := range h.Counts {
		total += h.Counts[i] - old.Counts[i]
	}
	below := uint64(0)
	for i := range h.Counts {
		below += h.Counts[i] - old.Counts[i]
		if total > 0 && 100*below >= 99*total {
			if high := h.Buckets[i+1]; !math.IsInf(high, 0) {
				return high
			}
			return h.Buckets[i]
		}
	}
	return 0
}
