package load

import (
	"context"
	"time"
)

// anchor is a time, and the reading of Now at that time.
type anchor struct {
	at    time.Time // with its monotonic reading
	shown time.Duration
}

var clock = newAnchor()

// newAnchor takes the wall clock, which all processes share, as the origin of
// Now. From there on Now follows the monotonic clock, which they share as well,
// but whose origin package time does not expose. time.Now reads the two clocks
// one after the other; an interruption in between makes the wall clock appear too
// early. The best of several readings is accurate to about 100 ns.
func newAnchor() anchor {
	const readings = 16
	first := time.Now()
	best := anchor{first, time.Duration(first.UnixNano())}
	for range readings {
		t := time.Now()
		if d := time.Duration(t.UnixNano()) - best.shown - t.Sub(best.at); d > 0 {
			best = anchor{t, time.Duration(t.UnixNano())}
		}
	}
	return best
}

// Now returns the time of a clock that runs like CLOCK_MONOTONIC, never goes
// back, and shows the same time in all processes that started after the system
// time was last set. StartChild checks that the clock of the child agrees.
func Now() time.Duration { return clock.shown + time.Since(clock.at) }

// SleepUntil waits until at, a time of Now, and returns false if ctx ends first.
func SleepUntil(ctx context.Context, at time.Duration) bool { return Sleep(ctx, at-Now()) }

// Sleep waits for d and returns false if ctx ends first or has ended.
func Sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
