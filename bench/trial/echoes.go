package trial

import (
	"context"
	"sync"
	"time"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/internal/histogram"
	"github.com/intentra/intentra/internal/load"
)

const (
	// lostAfter is how long an echo may take before the next message is sent.
	lostAfter = 200 * time.Millisecond
	// lostInterval is how often that is checked.
	lostInterval = 20 * time.Millisecond
)

// echoes keeps one message going back and forth: the arrival of an echo sends
// the next message, from the goroutine on which the transport delivers it.
type echoes struct {
	mu      sync.Mutex
	running bool
	payload []byte
	sent    time.Duration // the time of load.Now in the latest message
	trips   *histogram.Histogram
	lost    uint64
}

// run measures for the given time.
func (e *echoes) run(ctx context.Context, c contender.Client, size int, length time.Duration) RoundTripReply {
	e.mu.Lock()
	e.running, e.payload, e.trips, e.lost = true, make([]byte, size), new(histogram.Histogram), 0
	e.send(c)
	e.mu.Unlock()
	end := load.Now() + length
	for load.Now() < end && load.Sleep(ctx, min(lostInterval, length)) {
		e.mu.Lock()
		if load.Now()-e.sent > lostAfter {
			e.lost++
			e.send(c)
		}
		e.mu.Unlock()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running = false
	s := e.trips.Snapshot()
	return RoundTripReply{Count: s.Count(), Lost: e.lost, P50: s.Quantile(0.5), P99: s.Quantile(0.99)}
}

func (e *echoes) send(c contender.Client) {
	e.sent = load.Now()
	load.Stamp{At: e.sent, ID: contender.EchoID}.Put(e.payload)
	c.Send(0, e.payload, false)
	c.Flush(0)
}

// receive handles a message that has come back. It ignores one that has counted
// as lost.
func (e *echoes) receive(c contender.Client, payload []byte) {
	s, ok := load.ReadStamp(payload)
	e.mu.Lock()
	defer e.mu.Unlock()
	if !ok || !e.running || s.ID != contender.EchoID || s.At != e.sent {
		return
	}
	e.trips.Record(load.Now() - e.sent)
	e.send(c)
}
