package main

import (
	"context"
	"io"
	"math"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/histogram"
	"github.com/intentra/intentra/internal/load"
)

// What we chose: how long to wait for states under way when publishing ends.
const (
	drainLimit = 10 * time.Second
	drainQuiet = 300 * time.Millisecond // without deliveries
)

// sample is the state of a demo at a time. All counts only grow.
type sample struct {
	at time.Time
	load.Usage
	statesSent, statesReceived, delivered, corrupt, repeated uint64

	drops   load.Drops
	latency *histogram.Snapshot
}

func (d *demo) sample() (*sample, error) {
	s := &sample{at: time.Now(), drops: load.Drops{}, latency: d.latency.Snapshot(), statesReceived: d.relay.received.Load()}
	var err error
	if s.Usage, err = load.ReadUsage(); err != nil {
		return nil, err
	}
	s.drops.Add(d.hub.Stats())
	s.drops.Count("hub", "too_many_channels", d.relay.unmapped.Load())
	for _, p := range d.peers {
		if p == nil {
			continue // an interrupt came before it was connected
		}
		s.drops.Add(p.Transport().Stats())
		s.statesSent += p.sent.Load()
		s.delivered += p.delivered.Load()
		s.corrupt += p.corrupt.Load()
		s.repeated += p.repeated.Load()
	}
	return s, nil
}

// measure publishes, prints a line of the live table each second, waits for
// the last deliveries, and returns the result.
func (d *demo) measure(ctx context.Context, live io.Writer) (*demoResult, error) {
	first, err := d.sample()
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var duration time.Duration
	var asked uint64
	published := make(chan struct{})
	if ctx.Err() == nil {
		go func() {
			defer close(published)
			duration, asked = d.publish(ctx)
		}()
	} else {
		close(published)
	}
	table := newLiveTable(live, d.Peers, first)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for publishing := true; publishing; {
		select {
		case <-published:
			publishing = false
		case <-tick.C:
			s, err := d.sample()
			if err != nil {
				return nil, err
			}
			if table.add(s) != nil {
				stop() // the output is broken; printing the result fails as well
			}
		}
	}
	d.drain()
	last, err := d.sample()
	if err != nil {
		return nil, err
	}
	return d.result(first, last, duration, asked), nil
}

// drain waits until every state that was sent has been delivered to all, or
// deliveries have stopped. An interrupt does not end it.
func (d *demo) drain() {
	sum := func(count func(*demoPeer) uint64) (n uint64) {
		for _, p := range d.peers {
			if p != nil {
				n += count(p)
			}
		}
		return n
	}
	expected := sum(func(p *demoPeer) uint64 { return p.sent.Load() }) * uint64(d.Peers-1)
	_ = load.Drain(context.Background(), expected, drainQuiet, drainLimit, func() (uint64, error) {
		return sum(func(p *demoPeer) uint64 { return p.delivered.Load() }), nil
	})
}

func (d *demo) result(first, last *sample, duration time.Duration, asked uint64) *demoResult {
	l := load.LatencyOf(last.latency.Since(first.latency))
	r := &demoResult{
		Peers: d.Peers, RateHz: d.Rate, SizeBytes: d.Size, DurationS: seconds(duration),
		Intent: intentra.Realtime.String(), Suite: intentra.AESGCM.String(),
		StatesAsked: asked, StatesSent: last.statesSent,
		StatesLate: d.late.Load(), StatesReceived: last.statesReceived,
		DeliveriesExpected: last.statesSent * uint64(d.Peers-1), Deliveries: last.delivered,
		LatencyUs: demoLatency{P50: l.P50, P99: l.P99, P999: l.P999, Max: l.Max},
		Drops:     last.drops.Since(first.drops), Corrupt: last.corrupt, Repeated: last.repeated,
		CPUS: math.Round(1e3*(last.CPU-first.CPU).Seconds()) / 1e3, RSSBytes: last.RSS,
	}
	r.Delivery = load.Ratio(float64(r.Deliveries), float64(r.DeliveriesExpected))
	return r
}
