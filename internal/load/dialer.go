package load

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/intentra/intentra"
)

// Dialer is the service of a child that connects and disconnects all the time.
type Dialer struct {
	ctx context.Context
}

// Dials says how to dial: the identities of the crowd in turn, each disconnected
// as soon as it is connected.
type Dials struct {
	Crowd
	// Rate is how many to begin in a second. If it is zero, Concurrency are
	// under way at all times; at least as many identities are needed.
	Rate        float64
	Concurrency int
	Start       time.Duration // by Now
	Duration    time.Duration
}

// Dialled counts what became of Dials, until Duration was over.
type Dialled struct {
	Connected, Failed uint64
	// Failure is the first error.
	Failure string
}

// Run dials for a while.
func (d *Dialer) Run(r Dials, result *Dialled) error {
	sockets, err := r.sockets(func() handler { return func(*intentra.Peer, intentra.Message) {} })
	if err != nil {
		return err
	}
	defer closeAll(sockets)
	if !SleepUntil(d.ctx, r.Start) {
		return context.Cause(d.ctx)
	}
	ctx, cancel := context.WithTimeout(d.ctx, r.Start+r.Duration-Now())
	defer cancel()
	dialling := &dialling{Dials: r, sockets: sockets}
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

// dialling is a Run of a Dialer.
type dialling struct {
	Dials
	sockets           []*intentra.Transport
	connected, failed atomic.Uint64
	failure           atomic.Pointer[error]
}

// paced begins dials at a rate.
func (d *dialling) paced(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	p := NewPacer(d.Start, d.Rate, d.Duration)
	begun := 0
	for n, _, ok := p.Next(ctx); ok; n, _, ok = p.Next(ctx) {
		for range n {
			i := begun
			wg.Go(func() { d.dial(ctx, i) })
			begun++
		}
	}
}

// busy keeps dials under way, each worker with identities of its own.
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
	p, err := d.sockets[i%len(d.sockets)].DialAs(ctx, d.Seed.Key(d.First+i%d.Peers), d.Addr, d.Server)
	switch {
	case err == nil:
		d.connected.Add(1)
		_ = p.Close()
	case ctx.Err() == nil:
		d.failed.Add(1)
		d.failure.CompareAndSwap(nil, &err)
	}
}
