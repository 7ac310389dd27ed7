package contender

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/intentra/intentra/internal/histogram"
	"github.com/intentra/intentra/internal/load"
)

// EchoID is the ID in the load.Stamp of a message that the receiver sends back.
const EchoID = math.MaxUint32

// sampleEvery is how many messages there are on average to each whose latency
// is measured: reading the clock for every message would cost as much as
// receiving it.
const sampleEvery = 61

// Sink is where messages end: it counts those of one measurement at a time and
// samples their latency. Its methods may be called from any goroutine.
type Sink struct {
	size int

	mu    sync.Mutex
	id    uint32
	lanes []*Lane
}

// NewSink returns a Sink for messages of size bytes. Until Begin, it counts
// those whose ID is zero.
func NewSink(size int) *Sink { return &Sink{size: size} }

// Lane is the part of a Sink that one goroutine delivers to.
type Lane struct {
	sink     *Sink
	receiver load.Receiver
	wrong    atomic.Uint64
	_        [64]byte // the next Lane is on another cache line
}

// Lane adds a Lane.
func (s *Sink) Lane() *Lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &Lane{sink: s}
	l.receiver.Begin(s.id, sampleEvery)
	s.lanes = append(s.lanes, l)
	return l
}

// Begin starts the measurement of messages with the given ID, from zero.
func (s *Sink) Begin(id uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.id = id
	for _, l := range s.lanes {
		l.receiver.Begin(id, sampleEvery)
	}
}

// Deliver takes a message, and reports whether the caller must send it back. It
// does not keep the payload.
func (l *Lane) Deliver(payload []byte) (echo bool) {
	s, ok := load.ReadStamp(payload)
	switch {
	case !ok || len(payload) != l.sink.size:
		l.wrong.Add(1)
	case s.ID == EchoID:
		return true
	default:
		l.receiver.Count(s)
	}
	return false
}

// Delivered returns how many messages of the measurement have arrived.
func (s *Sink) Delivered() (n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lanes {
		n += l.receiver.Delivered()
	}
	return n
}

// Wrong returns how many messages have had the wrong size.
func (s *Sink) Wrong() (n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lanes {
		n += l.wrong.Load()
	}
	return n
}

// Latency returns the latencies sampled in the measurement.
func (s *Sink) Latency() *histogram.Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := new(histogram.Snapshot)
	for _, l := range s.lanes {
		all.Add(l.receiver.Latency())
	}
	return all
}
