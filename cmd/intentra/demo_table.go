package main

import (
	"fmt"
	"io"

	"github.com/intentra/intentra/internal/load"
)

// liveTable prints a line for each second, of less than 80 characters.
type liveTable struct {
	w           io.Writer
	peers       int
	first, last *sample
}

func newLiveTable(w io.Writer, peers int, first *sample) *liveTable {
	fmt.Fprintf(w, "%5s %8s %12s %8s %8s %8s %5s %9s %7s\n",
		"time", "states/s", "deliveries/s", "delivery", "p50 us", "p99 us", "CPU", "memory", "drops")
	return &liveTable{w: w, peers: peers, first: first, last: first}
}

// add prints the line from the previous sample to s. Its delivery is of all
// states so far: states under way would make that of one second jump.
func (t *liveTable) add(s *sample) error {
	span := s.at.Sub(t.last.at).Seconds()
	latency := load.LatencyOf(s.Latency.Since(t.last.Latency))
	expected := float64(s.Sent) * float64(t.peers-1)
	_, err := fmt.Fprintf(t.w, "%4.0fs %8.0f %12.0f %7.2f%% %8.0f %8.0f %4.0f%% %7.1fMB %7d\n",
		s.at.Sub(t.first.at).Seconds(),
		float64(s.statesReceived-t.last.statesReceived)/span,
		float64(s.Delivered-t.last.Delivered)/span,
		// A delivery during the sample may be counted when its state is not yet.
		100*min(load.Ratio(float64(s.Delivered), expected), 1),
		latency.P50, latency.P99,
		100*(s.CPU-t.last.CPU).Seconds()/span, float64(s.RSS)/1e6,
		s.drops.Since(t.last.drops).Sum(),
	)
	t.last = s
	return err
}
