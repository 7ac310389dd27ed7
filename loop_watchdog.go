package intentra

import (
	"time"

	"github.com/intentra/intentra/pipeline"
)

const (
	// slowCall is how long a Handler may take before it counts as slow.
	slowCall = time.Millisecond
	// watchStride is how many calls are timed together: reading the clock
	// around each one would cost as much as handling a packet.
	watchStride = 16
)

// watchdog counts slow Handler calls: stretches of at most 16 calls, with the
// packets in between, that have taken over a millisecond.
type watchdog struct {
	since pipeline.Time
	calls int
	slow  uint64
}

// begin starts a turn at the time now.
func (w *watchdog) begin(now pipeline.Time) { w.since, w.calls, w.slow = now, 0, 0 }

// called counts one call, and reads the clock after each stride.
func (w *watchdog) called(clock func() pipeline.Time) {
	if w.calls++; w.calls >= watchStride {
		w.look(clock)
	}
}

func (w *watchdog) look(clock func() pipeline.Time) {
	now := clock()
	if now-w.since > pipeline.Time(slowCall) {
		w.slow++
	}
	w.since, w.calls = now, 0
}

// end closes the turn and returns how many slow stretches it had.
func (w *watchdog) end(clock func() pipeline.Time) uint64 {
	if w.calls > 0 {
		w.look(clock)
	}
	return w.slow
}
