package main

import (
	"context"
	"io"
	"math"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/load"
)

// sample is the state of a demo at one time. Counts never decrease.
type sample struct {
	at time.Time
	load.Usage
	load.MeshCounts
	statesReceived uint64
	drops          load.Drops
}

func (d *demo) sample() (*sample, error) {
	s := &sample{at: time.Now(), MeshCounts: d.mesh.Counts(), statesReceived: d.hub.Stats().Received}
	var err error
	if s.Usage, err = load.ReadUsage(); err != nil {
		return nil, err
	}
	s.drops = hubDrops(d.hub)
	for _, p := range d.peers {
		if p == nil {
			continue // an interrupt came before it was connected
		}
		s.drops.Add(p.client.Peer().Transport().Stats())
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
			duration, asked = d.mesh.Send(ctx)
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
	d.mesh.Drain() // an interrupt does not end it
	last, err := d.sample()
	if err != nil {
		return nil, err
	}
	return d.result(first, last, duration, asked), nil
}

func (d *demo) result(first, last *sample, duration time.Duration, asked uint64) *demoResult {
	l := load.LatencyOf(last.Latency.Since(first.Latency))
	r := &demoResult{
		Peers: d.Peers, RateHz: d.Rate, SizeBytes: d.Size, DurationS: seconds(duration),
		Intent: intentra.Realtime.String(), Suite: intentra.AESGCM.String(),
		StatesAsked: asked, StatesSent: last.Sent,
		StatesLate: last.Late, StatesReceived: last.statesReceived,
		DeliveriesExpected: last.Sent * uint64(d.Peers-1), Deliveries: last.Delivered,
		LatencyUs: demoLatency{P50: l.P50, P99: l.P99, P999: l.P999, Max: l.Max},
		Drops:     last.drops.Since(first.drops), Corrupt: last.Corrupt, Repeated: last.Repeated,
		CPUS: math.Round(1e3*(last.CPU-first.CPU).Seconds()) / 1e3, RSSBytes: last.RSS,
	}
	r.Delivery = load.Ratio(float64(r.Deliveries), float64(r.DeliveriesExpected))
	return r
}
