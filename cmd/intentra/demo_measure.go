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

// What we chose.
const (
	// drainLimit bounds the wait for what is on its way when publishing ends,
	// and quiet is how long nothing must arrive for the rest to count as lost.
	drainLimit = 10 * time.Second
	drainQuiet = 300 * time.Millisecond
	drainLook  = 20 * time.Millisecond
)

// sample is how a demo stands at a time. All counts grow.
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
			continue // interrupted while connecting
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
			table.add(s)
		}
	}
	d.drain()
	last, err := d.sample()
	if err != nil {
		return nil, err
	}
	return d.result(first, last, duration, asked), nil
}

// drain waits until all that was sent is delivered, or deliveries have ceased.
func (d *demo) drain() {
	var before uint64
	began := time.Now()
	for quiet := began; time.Since(quiet) < drainQuiet && time.Since(began) < drainLimit; {
		var sent, delivered uint64
		for _, p := range d.peers {
			if p != nil {
				sent += p.sent.Load()
				delivered += p.delivered.Load()
			}
		}
		if delivered == sent*uint64(d.Peers-1) {
			return
		}
		if delivered != before {
			before, quiet = delivered, time.Now()
		}
		time.Sleep(drainLook)
	}
}

func (d *demo) result(first, last *sample, duration time.Duration, asked uint64) *demoResult {
	l := last.latency.Since(first.latency)
	r := &demoResult{
		Peers: d.Peers, RateHz: d.Rate, SizeBytes: d.Size, DurationS: seconds(duration),
		Intent: intentra.Realtime.String(), Suite: intentra.AESGCM.String(),
		StatesAsked: asked, StatesSent: last.statesSent,
		StatesLate: d.late.Load(), StatesReceived: last.statesReceived,
		DeliveriesExpected: last.statesSent * uint64(d.Peers-1), Deliveries: last.delivered,
		LatencyUs: demoLatency{
			P50: microseconds(l.Quantile(0.5)), P99: microseconds(l.Quantile(0.99)),
			P999: microseconds(l.Quantile(0.999)), Max: microseconds(l.Max()),
		},
		Drops: last.drops.Since(first.drops), Corrupt: last.corrupt, Repeated: last.repeated,
		CPUS: math.Round(1e3*(last.CPU-first.CPU)) / 1e3, RSSBytes: last.RSS,
	}
	if r.DeliveriesExpected > 0 {
		r.Delivery = float64(r.Deliveries) / float64(r.DeliveriesExpected)
	}
	return r
}
