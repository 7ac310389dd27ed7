package load

import (
	"sync/atomic"
	"time"

	"github.com/intentra/intentra/internal/histogram"
)

// Receiver counts the messages of one run at a time and measures their latency.
// Handle belongs to one goroutine, such as a transport's loop; the other methods
// may be called from any. The zero value counts nothing until Begin.
type Receiver struct {
	// Cost is how long each message of a run is worked on, for overload: a busy
	// loop. To be set before the first message.
	Cost time.Duration

	tally atomic.Pointer[tally]
}

// tally is what has arrived in a run.
type tally struct {
	run       uint32
	delivered atomic.Uint64
	latency   histogram.Histogram

	// Handle's: how many messages more until one is measured.
	left   uint32
	sample sampler
}

// samplesPerSecond is about how many messages a second have their latency
// measured: reading the clock for each would be a good part of what a message
// costs.
const samplesPerSecond = 50_000

// Begin starts a run in which about rate messages per second are expected.
// Messages of other runs are not counted any more.
func (r *Receiver) Begin(run uint32, rate float64) {
	t := &tally{run: run, sample: newSampler(rate)}
	t.left = t.sample.next()
	r.tally.Store(t)
}

// Handle counts one message, if it is of the run. It keeps nothing of payload.
func (r *Receiver) Handle(payload []byte) {
	s, ok := ReadStamp(payload)
	t := r.tally.Load()
	if !ok || t == nil || s.Run != t.run {
		return
	}
	if r.Cost > 0 {
		burn(r.Cost)
	}
	t.delivered.Add(1)
	if t.left--; t.left == 0 {
		t.left = t.sample.next()
		t.latency.Record(Now() - s.At)
	}
}

// Delivered returns how many messages of the run have arrived.
func (r *Receiver) Delivered() uint64 {
	if t := r.tally.Load(); t != nil {
		return t.delivered.Load()
	}
	return 0
}

// Latency returns the latencies measured in the run, from Stamp.At to Handle.
func (r *Receiver) Latency() *histogram.Snapshot {
	if t := r.tally.Load(); t != nil {
		return t.latency.Snapshot()
	}
	return new(histogram.Snapshot)
}

// burn keeps the CPU busy for d.
func burn(d time.Duration) {
	for start := time.Now(); time.Since(start) < d; {
	}
}

// sampler spaces samples at random around a mean. Evenly spaced ones would
// always fall on the same places in a batch.
type sampler struct {
	span  uint32 // gaps are 1 to span
	state uint32
}

func newSampler(rate float64) sampler {
	mean := uint32(max(rate/samplesPerSecond, 1))
	return sampler{span: 2*mean - 1, state: 0x9e3779b9}
}

// next returns how many messages further on the next sample is. It is
// Marsaglia's xorshift.
func (s *sampler) next() uint32 {
	s.state ^= s.state << 13
	s.state ^= s.state >> 17
	s.state ^= s.state << 5
	return 1 + s.state%s.span
}
