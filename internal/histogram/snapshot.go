package histogram

import (
	"math"
	"time"
)

// Snapshot has the counts of a Histogram at one time. The zero value is empty.
type Snapshot struct {
	counts [buckets]uint64
	count  uint64
	max    time.Duration
}

// Since returns what was recorded after earlier, an older snapshot of the same
// histogram. Its Max is that of s.
func (s *Snapshot) Since(earlier *Snapshot) *Snapshot {
	d := &Snapshot{max: s.max}
	for i := range s.counts {
		d.counts[i] = s.counts[i] - earlier.counts[i]
		d.count += d.counts[i]
	}
	return d
}

// Count returns how many durations were recorded.
func (s *Snapshot) Count() uint64 { return s.count }

// Max returns the largest duration, exactly.
func (s *Snapshot) Max() time.Duration { return s.max }

// Quantile returns the smallest duration such that the fraction q (0 to 1) of all
// durations are not larger, rounded up by at most 1/32. It returns zero if
// nothing was recorded.
func (s *Snapshot) Quantile(q float64) time.Duration {
	if s.count == 0 {
		return 0
	}
	rank := max(uint64(math.Ceil(q*float64(s.count))), 1)
	var seen uint64
	for i, n := range s.counts {
		if seen += n; seen >= rank {
			return min(time.Duration(highest(i)), s.max)
		}
	}
	return s.max
}

// Within returns how many values there are for each bound: up to it, and above the one
// before. The last count is of values above all bounds. Bounds rise. A value counts by the
// highest one of its bucket, which is at most 1/32 higher.
func (s *Snapshot) Within(bounds []time.Duration) []uint64 {
	counts := make([]uint64, len(bounds)+1)
	at := 0
	for i, n := range s.counts {
		if n == 0 {
			continue
		}
		for at < len(bounds) && highest(i) > uint64(bounds[at]) {
			at++
		}
		counts[at] += n
	}
	return counts
}
