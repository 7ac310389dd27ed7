package load

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/intentra/intentra"
)

// Dialer is the service of a child that keeps connecting and disconnecting.
type Dialer struct {
	ctx context.Context
}

// Dials says how to dial: the identities of the crowd dial in turn, and each is
// disconnected as soon as it is connected.
type Dials struct {
	Crowd
	// Rate is how many dials begin in a second. If it is zero, Concurrency
	// dials are running at all times, for which there must be at least as many
	// identities.
	Rate        float64
	Concurrency int
	Start       time.Duration // a time of Now
	Duration    time.Duration
}

// Dialled counts the outcomes of Dials up to the end of Duration.
type Dialled struct {
	Connected, Failed uint64
	// Failure is the first error.
	Failure string
}

// Run dials until the end of r.Duration.
func (d *Dialer) Run(r Dials, result *Dialled) error {
	transports, err := r.listen(func() Handler { return discard })
	if err != nil {
		return err
	}
	defer closeAll(transports)
	if !SleepUntil(d.ctx, r.Start) {
		return context.Cause(d.ctx)
	}
	ctx, cancel := context.WithTimeout(d.ctx, r.Start+r.Duration-Now())
	defer cancel()
	dialling := &dialling{Dials: r, transports: transports}
	if r.Rate > 0 {
		dialling.paced(ctx)
	} else {
		dialling.busy(ctx)
	}
	result.Connected, result.Failed = dialling.connected.Load(), dialling.failed.Load()
	if e := dialling.failure.Load(); e != nil {
		result.Failure = (*e).Error()
	}
	return nil
}

// dialling is one Run of a Dialer.
type dialling struct {
	Dials
	transports        []*intentra.Transport
	connected, failed atomic.Uint64
	failure           atomic.Pointer[error]
}

// paced begins dials at a rate.
func (d *dialling) paced(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	begun := 0
	for n := range NewPacer(d.Start, d.Rate, d.Duration).Bursts(ctx) {
		for range n {
			i := begun
			wg.Go(func() { d.dial(ctx, i) })
			begun++
		}
	}
}

// busy runs Concurrency workers that dial, each with its own identities.
func (d *dialling) busy(ctx context.Context) {
	var wg sync.WaitGroup
	for w := range d.Concurrency {
		wg.Go(func() {
			for i := w; ctx.Err() == nil; i += d.Concurrency {
				if i >= d.Peers {
					i = w
				}
				d.dial(ctx, i)
			}
		})
	}
	wg.Wait()
}

// dial connects and disconnects identity i, modulo their number.
func (d *dialling) dial(ctx context.Context, i int) {
	p, err := d.Crowd.dial(ctx, d.transports, i)
	switch {
	case err == nil:
		d.connected.Add(1)
		_ = p.Close()
	case ctx.Err() == nil:
		d.failed.Add(1)
		d.failure.CompareAndSwap(nil, &err)
	}
}
