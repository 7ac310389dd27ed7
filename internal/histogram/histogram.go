package histogram

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// What we chose.
const (
	// subBits is the binary logarithm of the number of buckets in each power of
	// two, so that the relative error is 1/32.
	subBits = 5
	// buckets is enough for all non-negative int64 values: 2^subBits buckets of
	// one value, then 2^subBits for each power of two from 2^subBits to 2^62.
	buckets = (63 - subBits + 1) << subBits
)

// Histogram counts durations. The zero value is ready to use. All methods may
// be called from any goroutine. It must not be copied.
type Histogram struct {
	counts [buckets]atomic.Uint64
	max    atomic.Int64
}

// Record counts d; a negative d counts as zero. It does not allocate.
func (h *Histogram) Record(d time.Duration) {
	d = max(d, 0)
	h.counts[bucket(uint64(d))].Add(1)
	for {
		old := h.max.Load()
		if int64(d) <= old || h.max.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

// Snapshot returns a copy of the counts. It may or may not include values that
// are recorded during the call.
func (h *Histogram) Snapshot() *Snapshot {
	s := &Snapshot{max: time.Duration(h.max.Load())}
	for i := range h.counts {
		s.counts[i] = h.counts[i].Load()
		s.count += s.counts[i]
	}
	return s
}

// bucket returns the index of v's bucket. Each value below 2^subBits has its own.
// For other values the index is the exponent, followed by the subBits bits after
// the leading one.
func bucket(v uint64) int {
	if v < 1<<subBits {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - subBits
	return shift<<subBits + int(v>>shift)
}

// highest returns the largest value in bucket i.
func highest(i int) uint64 {
	if i < 1<<subBits {
		return uint64(i)
	}
	shift := i>>subBits - 1
	leading := uint64(i&(1<<subBits-1) | 1<<subBits)
	return (leading+1)<<shift - 1
}
