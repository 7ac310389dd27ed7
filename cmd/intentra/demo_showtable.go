package main

import (
	"fmt"
	"io"
	"math"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/load"
)

// showSample is the state of a demo with a page at a time.
type showSample struct {
	sample
	active             int64
	asked, expectation uint64
}

func (s *show) sample() (*showSample, error) {
	h := s.hub.Load()
	now := &showSample{active: s.active.Load(), asked: s.asked.Load(), expectation: s.expected.Load()}
	now.at, now.drops = time.Now(), hubDrops(h)
	now.drops.Count("relay", "lost", s.relays.lost.Load())
	for i := range s.peers {
		if p := s.peers[i].Load(); p != nil {
			now.drops.Add(p.client.Peer().Transport().Stats())
		}
	}
	now.statesReceived = s.received.count(h)
	now.Sent, now.Delivered, now.Latency = s.sent.Load(), s.delivered.Load(), s.latency.Snapshot()
	var err error
	now.Usage, err = load.ReadUsage()
	return now, err
}

func (s *show) result(first, last *showSample) *demoResult {
	l := load.LatencyOf(last.Latency.Since(first.Latency))
	r := &demoResult{
		Peers: int(s.active.Load()), RateHz: math.Float64frombits(s.rate.Load()), SizeBytes: s.Size, DurationS: seconds(last.at.Sub(first.at)),
		Intent: intentra.Realtime.String(), Suite: intentra.AESGCM.String(),
		StatesAsked: last.asked, StatesSent: last.Sent, StatesReceived: last.statesReceived,
		DeliveriesExpected: last.expectation, Deliveries: last.Delivered,
		LatencyUs: demoLatency{P50: l.P50, P99: l.P99, P999: l.P999, Max: l.Max},
		Drops:     last.drops, CPUS: math.Round(1e3*(last.CPU-first.CPU).Seconds()) / 1e3, RSSBytes: last.RSS,
	}
	r.Delivery = load.Ratio(float64(r.Deliveries), float64(r.DeliveriesExpected))
	return r
}

// showTable prints a line for each second.
type showTable struct {
	w           io.Writer
	first, last *showSample
}

func newShowTable(w io.Writer, first *showSample) *showTable {
	fmt.Fprintf(w, "%5s %6s %9s %12s %8s %8s %8s %5s %7s\n", "time", "peers", "states/s", "deliveries/s", "delivery", "p50 us", "p99 us", "CPU", "drops")
	return &showTable{w: w, first: first, last: first}
}

// add prints the line from the previous sample to s.
func (t *showTable) add(s *showSample) error {
	span := s.at.Sub(t.last.at).Seconds()
	latency := load.LatencyOf(s.Latency.Since(t.last.Latency))
	_, err := fmt.Fprintf(t.w, "%4.0fs %6d %9.0f %12.0f %7.2f%% %8.0f %8.0f %4.0f%% %7d\n",
		s.at.Sub(t.first.at).Seconds(), s.active, float64(s.Sent-t.last.Sent)/span, float64(s.Delivered-t.last.Delivered)/span,
		100*min(load.Ratio(float64(s.Delivered-t.last.Delivered), float64(s.expectation-t.last.expectation)), 1),
		latency.P50, latency.P99, 100*(s.CPU-t.last.CPU).Seconds()/span, s.drops.Since(t.last.drops).Sum())
	t.last = s
	return err
}
