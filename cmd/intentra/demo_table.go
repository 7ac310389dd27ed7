package main

import (
	"fmt"
	"io"
)

// liveTable prints what each second has brought, a line each.
type liveTable struct {
	w           io.Writer
	peers       int
	first, last *sample
}

func newLiveTable(w io.Writer, peers int, first *sample) *liveTable {
	fmt.Fprintf(w, "%6s %11s %13s %9s %8s %8s %6s %8s  %s\n",
		"time", "states in/s", "deliveries/s", "delivery", "p50 us", "p99 us", "CPU", "memory", "drops")
	return &liveTable{w: w, peers: peers, first: first, last: first}
}

// add prints the line from the sample before to s. Its delivery is of all
// until now, because states on their way would make that of one second jump.
func (t *liveTable) add(s *sample) {
	span := s.at.Sub(t.last.at).Seconds()
	latency := s.latency.Since(t.last.latency)
	expected := float64(s.statesSent) * float64(t.peers-1)
	fmt.Fprintf(t.w, "%5.0fs %11.0f %13.0f %8.2f%% %8.0f %8.0f %5.0f%% %6.1fMB  %s\n",
		s.at.Sub(t.first.at).Seconds(),
		float64(s.statesReceived-t.last.statesReceived)/span,
		float64(s.delivered-t.last.delivered)/span,
		// What was sent and delivered while the sample was taken may be counted as
		// delivered alone.
		100*min(ratio(float64(s.delivered), expected), 1),
		microseconds(latency.Quantile(0.5)), microseconds(latency.Quantile(0.99)),
		100*(s.CPU-t.last.CPU)/span, float64(s.RSS)/1e6,
		s.drops.Since(t.last.drops),
	)
	t.last = s
}
