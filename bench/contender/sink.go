package contender

import (
	"sync"
	"sync/atomic"

	"github.com/intentra/intentra/internal/histogram"
	"github.com/intentra/intentra/internal/load"
)

// sampleEvery is how many messages there are to each whose latency is taken:
// reading the clock for all would cost as much as receiving them. It is prime,
// so that samples do not keep to one place in the batches.
const sampleEvery = 61

// Sink is where messages end: it counts them, and takes their latency. Its
// methods may be called from any goroutine.
type Sink struct {
	size    int
	latency histogram.Histogram

	mu    sync.Mutex
	lanes []*Lane
}

// NewSink returns a Sink for messages of the given size.
func NewSink(size int) *Sink { return &Sink{size: size} }

// Lane is the part of a Sink that one goroutine delivers to.
type Lane struct {
	sink      *Sink
	phase     uint64 // which of sampleEvery messages are taken
	n         uint64
	delivered atomic.Uint64
	wrong     atomic.Uint64
	_         [64]byte // the next lane is on another cache line
}

// Lane adds a lane.
func (s *Sink) Lane() *Lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &Lane{sink: s, phase: uint64(len(s.lanes)) % sampleEvery}
	s.lanes = append(s.lanes, l)
	return l
}

// Deliver takes a message, and reports whether it is to be sent back instead of
// counted.
func (l *Lane) Deliver(payload []byte) (echo bool) {
	if len(payload) != l.sink.size || payload[flagsAt]&^flagsKnow != 0 {
		l.wrong.Add(1)
		return false
	}
	if payload[flagsAt] == flagEcho {
		return true
	}
	l.n++
	l.delivered.Store(l.n)
	if l.n%sampleEvery == l.phase {
		l.sink.latency.Record(load.Now() - sentAt(payload))
	}
	return false
}

// Delivered returns how many messages have come.
func (s *Sink) Delivered() (n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lanes {
		n += l.delivered.Load()
	}
	return n
}

// Wrong returns how many messages were not as they were sent.
func (s *Sink) Wrong() (n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lanes {
		n += l.wrong.Load()
	}
	return n
}

// Latency returns the latencies taken so far.
func (s *Sink) Latency() *histogram.Snapshot { return s.latency.Snapshot() }
