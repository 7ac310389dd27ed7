package metrics

import (
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/intentra/intentra"
)

// percentiles are those shown, in percent: the first is the least RTT and the
// last the greatest.
var percentiles = []int{0, 50, 90, 99, 100}

func newRTTDesc() *prometheus.Desc {
	return newDesc("rtt_seconds",
		"Smoothed round-trip time over the peers connected now; none while no peer has a sample.", "percentile")
}

func collectRTT(desc *prometheus.Desc, peers []intentra.PeerStats, out chan<- prometheus.Metric) {
	var rtts []time.Duration
	for _, p := range peers {
		if p.RTT > 0 {
			rtts = append(rtts, p.RTT)
		}
	}
	if len(rtts) == 0 {
		return
	}
	slices.Sort(rtts)
	for _, p := range percentiles {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue,
			percentile(rtts, p).Seconds(), strconv.Itoa(p))
	}
}

// percentile returns the p-th percentile of a sorted slice that is not empty,
// by the nearest rank: always one of its values.
func percentile(sorted []time.Duration, p int) time.Duration {
	rank := (p*len(sorted) + 99) / 100
	return sorted[max(rank, 1)-1]
}
