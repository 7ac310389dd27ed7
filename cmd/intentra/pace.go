package main

import (
	"context"
	"time"

	"github.com/intentra/intentra/internal/load"
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
		return load.Sleep(ctx, due-time.Since(p.start))
	}
	return ctx.Err() == nil
}
