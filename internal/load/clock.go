package load

import (
	"context"
	"time"
)

// anchor is a moment, and what the clock of this package said at it.
type anchor struct {
	at    time.Time // with its monotonic reading
	shown time.Duration
}

var clock = newAnchor()

// newAnchor reads the wall clock, which all processes share, once. From there on
// the monotonic clock counts, which they share too, but with an origin that
// package time keeps to itself. A reading of the pair that was interrupted
// between its halves shows too early a wall clock; the best of several is within
// some 100 ns.
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

// Now returns the time on a clock that runs like CLOCK_MONOTONIC and shows the
// same in all processes of the machine that started since the wall clock was
// last set; see Child.checkClock. It never goes back.
func Now() time.Duration { return clock.shown + time.Since(clock.at) }

// SleepUntil waits for a time of Now and reports false if ctx ends first.
func SleepUntil(ctx context.Context, at time.Duration) bool { return Sleep(ctx, at-Now()) }

// Sleep waits for d and reports false if ctx ends first or has ended.
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
