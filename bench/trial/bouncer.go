package trial

import (
	"sync"
	"time"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/internal/histogram"
	"github.com/intentra/intentra/internal/load"
)

const (
	// lostAfter is how long an echo may take before the next message is sent.
	lostAfter = 200 * time.Millisecond
	// lookEvery is how often that is looked at.
	lookEvery = 20 * time.Millisecond
)

// bouncer keeps one message on its way to and fro: the arrival of an echo sends
// the next, from the goroutine that the transport delivers it on.
type bouncer struct {
	mu      sync.Mutex
	running bool
	payload []byte
	number  uint32
	sent    time.Duration // by load.Now
	trips   *histogram.Histogram
	lost    uint64
}

func (b *bouncer) run(c contender.Client, size int, length time.Duration) (r BounceReply) {
	b.mu.Lock()
	b.running, b.payload, b.trips, b.lost = true, make([]byte, size), new(histogram.Histogram), 0
	b.send(c)
	b.mu.Unlock()
	for end := load.Now() + length; load.Now() < end; {
		time.Sleep(min(lookEvery, length))
		b.mu.Lock()
		if load.Now()-b.sent > lostAfter {
			b.lost++
			b.send(c)
		}
		b.mu.Unlock()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running = false
	s := b.trips.Snapshot()
	return BounceReply{Count: s.Count(), Lost: b.lost, P50: s.Quantile(0.5), P99: s.Quantile(0.99)}
}

func (b *bouncer) send(c contender.Client) {
	b.number++
	b.sent = load.Now()
	contender.StampEcho(b.payload, b.sent, b.number)
	c.Send(0, b.payload, false)
	c.Flush(0)
}

// echo takes a message that has come back.
func (b *bouncer) echo(c contender.Client, payload []byte) {
	_, number, ok := contender.Echo(payload)
	b.mu.Lock()
	defer b.mu.Unlock()
	if !ok || !b.running || number != b.number {
		return
	}
	b.trips.Record(load.Now() - b.sent)
	b.send(c)
}
