package main

import (
	"context"
	"time"
)

// pacer spaces events evenly at absolute times, so that being late once does
// not slow down the rest.
type pacer struct {
	start time.Time
	hertz float64 // zero: no waiting
	n     int
}

func newPacer(hertz float64) *pacer { return &pacer{start: time.Now(), hertz: hertz} }

// wait returns when the next event is due, the first one at once. It reports
// false if ctx has ended.
func (p *pacer) wait(ctx context.Context) bool {
	if p.hertz > 0 {
		due := time.Duration(float64(p.n) / p.hertz * float64(time.Second))
		p.n++
		return sleep(ctx, due-time.Since(p.start))
	}
	return ctx.Err() == nil
}

// sleep waits for d and reports false if ctx ends first or has ended.
func sleep(ctx context.Context, d time.Duration) bool {
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
