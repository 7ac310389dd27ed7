package load

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/intentra/intentra/internal/histogram"
)

// Receiver counts the messages of one measurement at a time and samples their
// latency. Handle and Count belong to one goroutine, such as a transport's
// loop; the other methods may be called from any. The zero value counts nothing
// until Begin.
type Receiver struct {
	// Cost is how long Count keeps the CPU busy for each message of the
	// measurement, to cause overload. It does not change after the first
	// message.
	Cost time.Duration

	tally atomic.Pointer[tally]
}

// tally is what has arrived in one measurement.
type tally struct {
	id        uint32
	delivered atomic.Uint64
	latency   histogram.Histogram

	// Count's alone: messages until the next sample.
	left   uint32
	sample sampler
}

// samplesPerSecond is about how many messages a second have their latency
// measured: reading the clock for each would be a good part of what a message
// costs.
const samplesPerSecond = 50_000

// SampleEvery returns the distance between samples at a rate in messages per
// second: 1 up to 50,000, and beyond as many as give 50,000 samples a second.
func SampleEvery(rate float64) int { return int(max(rate/samplesPerSecond, 1)) }

// Begin starts the measurement of messages whose Stamp has the given ID, with
// one in sampleEvery of them sampled on average. Other messages are not
// counted from now on.
func (r *Receiver) Begin(id uint32, sampleEvery int) {
	t := &tally{id: id, sample: newSampler(sampleEvery)}
	t.left = t.sample.next()
	r.tally.Store(t)
}

// Handle counts the message in payload, which it does not keep. A payload that
// is too short for a Stamp is ignored.
func (r *Receiver) Handle(payload []byte) {
	if s, ok := ReadStamp(payload); ok {
		r.Count(s)
	}
}

// Count counts a message by its Stamp, if it belongs to the measurement.
func (r *Receiver) Count(s Stamp) {
	t := r.tally.Load()
	if t == nil || s.ID != t.id {
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

// Delivered returns how many messages of the measurement have arrived.
func (r *Receiver) Delivered() uint64 {
	if t := r.tally.Load(); t != nil {
		return t.delivered.Load()
	}
	return 0
}

// Latency returns the latencies sampled in the measurement, from Stamp.At to
// Count.
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

// sampler draws the distances between samples at random. At equal distances,
// samples could always fall on the same places in a batch.
type sampler struct {
	span  uint32 // distances are 1 to span
	state uint32
}

func newSampler(mean int) sampler {
	return sampler{span: 2*uint32(mean) - 1, state: rand.Uint32() | 1} // xorshift needs a state other than zero
}

// next returns the distance to the next sample. The generator is Marsaglia's
// xorshift.
func (s *sampler) next() uint32 {
	s.state ^= s.state << 13
	s.state ^= s.state >> 17
	s.state ^= s.state << 5
	return 1 + s.state%s.span
}
