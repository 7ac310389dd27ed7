// Package slowcall counts slow calls of a function, at a cost that a packet path
// can bear.
package slowcall

import (
	"time"

	"github.com/intentra/intentra/pipeline"
)

const (
	// limit is how long a stretch of calls may take before it counts as slow.
	limit = time.Millisecond
	// stride is how many calls are timed together: reading the clock around each
	// call would cost as much as handling a packet.
	stride = 16
)

// Counter counts slow stretches: at most 16 consecutive calls, with whatever
// happens between them, that took more than a millisecond together. It divides
// time into turns, and what happens between two turns does not count. The zero
// value is ready for Begin. It is not safe for concurrent use.
type Counter struct {
	since pipeline.Time
	calls int
	slow  uint64
}

// Begin starts a turn at the time now.
func (c *Counter) Begin(now pipeline.Time) { c.since, c.calls, c.slow = now, 0, 0 }

// Called counts one call that has just returned. It reads the clock after each 16.
func (c *Counter) Called(clock func() pipeline.Time) {
	if c.calls++; c.calls >= stride {
		c.measure(clock)
	}
}

// End ends the turn and returns the number of slow stretches in it. It reads the
// clock if there was a call since it was last read.
func (c *Counter) End(clock func() pipeline.Time) (slow uint64) {
	if c.calls > 0 {
		c.measure(clock)
	}
	return c.slow
}

func (c *Counter) measure(clock func() pipeline.Time) {
	now := clock()
	if now-c.since > pipeline.Time(limit) {
		c.slow++
	}
	c.since, c.calls = now, 0
}
