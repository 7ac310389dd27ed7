package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/intentra/intentra/internal/load"
)

// demoResult is the result of a demo.
type demoResult struct {
	Peers     int     `json:"peers"`
	RateHz    float64 `json:"rate_hz"` // asked for
	SizeBytes int     `json:"size_bytes"`
	Intent    string  `json:"intent"`
	Suite     string  `json:"suite"`
	DurationS float64 `json:"duration_s"` // of publishing

	StatesAsked        uint64  `json:"states_asked"`        // that fell due
	StatesSent         uint64  `json:"states_sent"`         // by publishers
	StatesLate         uint64  `json:"states_late"`         // of StatesSent, those sent more than a period after they were due
	StatesReceived     uint64  `json:"states_received"`     // by the hub
	DeliveriesExpected uint64  `json:"deliveries_expected"` // StatesSent times the number of other peers
	Deliveries         uint64  `json:"deliveries"`
	Delivery           float64 `json:"delivery"` // Deliveries of DeliveriesExpected

	LatencyUs demoLatency `json:"latency_us"`
	Drops     load.Drops  `json:"drops"`
	Corrupt   uint64      `json:"corrupt"`  // deliveries that differ from the state that was sent
	Repeated  uint64      `json:"repeated"` // deliveries after the first
	CPUS      float64     `json:"cpu_s"`    // of the process: hub and peers
	RSSBytes  uint64      `json:"rss_bytes"`
}

// demoLatency is the time from a publisher's Send to a subscriber's Handler, in
// microseconds.
type demoLatency struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// check returns an error for deliveries that must not happen under any load.
func (r *demoResult) check() error {
	if r.Corrupt > 0 || r.Repeated > 0 {
		return fmt.Errorf("demo: %d deliveries were corrupt and %d repeated", r.Corrupt, r.Repeated)
	}
	return nil
}

// writeTable prints the result for people.
func (r *demoResult) writeTable(w io.Writer) error {
	rows := [][2]string{
		{"peers", fmt.Sprint(r.Peers)},
		{"rate", fmt.Sprintf("%g states/s from each peer", r.RateHz)},
		{"size", fmt.Sprintf("%d bytes", r.SizeBytes)},
		{"duration", fmt.Sprintf("%.2f s", r.DurationS)},
		{"states sent", fmt.Sprintf("%d of %d (%d more than a period late)", r.StatesSent, r.StatesAsked, r.StatesLate)},
		{"states received", fmt.Sprintf("%d (by the hub)", r.StatesReceived)},
		{"deliveries", fmt.Sprintf("%d of %d", r.Deliveries, r.DeliveriesExpected)},
		{"delivery", fmt.Sprintf("%.4f %% of what was sent, %.4g %% of what was asked for", 100*r.Delivery, 100*r.ofAsked())},
		{"latency p50", fmt.Sprintf("%.0f us", r.LatencyUs.P50)},
		{"latency p99", fmt.Sprintf("%.0f us", r.LatencyUs.P99)},
		{"latency p99.9", fmt.Sprintf("%.0f us", r.LatencyUs.P999)},
		{"latency max", fmt.Sprintf("%.0f us", r.LatencyUs.Max)},
		{"corrupt, repeated", fmt.Sprintf("%d, %d", r.Corrupt, r.Repeated)},
		{"CPU", fmt.Sprintf("%.2f s (%.2f cores)", r.CPUS, load.Ratio(r.CPUS, r.DurationS))},
		{"memory", fmt.Sprintf("%.1f MB", float64(r.RSSBytes)/1e6)},
		{"drops", fmt.Sprint(r.Drops.Sum())},
	}
	for _, name := range slices.Sorted(maps.Keys(r.Drops)) {
		rows = append(rows, [2]string{"  " + name, fmt.Sprint(r.Drops[name])})
	}
	for _, row := range append([][2]string{{"", ""}}, rows...) {
		if _, err := fmt.Fprintf(w, "%-18s %s\n", row[0], row[1]); err != nil {
			return err
		}
	}
	return nil
}

// ofAsked returns Deliveries as a share of those for all states that fell due.
func (r *demoResult) ofAsked() float64 {
	return min(load.Ratio(float64(r.Deliveries), float64(r.StatesAsked)*float64(r.Peers-1)), 1)
}
