package metrics

import (
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/intentra/intentra"
)

// percentiles lists the exported percentiles, in percent. 0 is the minimum, 100
// the maximum.
var percentiles = []int{0, 50, 90, 99, 100}

func newRTTDesc() *prometheus.Desc {
	return newDesc("rtt_seconds",
		"Smoothed round-trip time over connected peers; absent while no peer has a sample.", "percentile")
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

// percentile returns the p-th percentile of a non-empty sorted slice by nearest
// rank, which is always one of its values.
func percentile(sorted []time.Duration, p int) time.Duration {
	rank := (p*len(sorted) + 99) / 100
	return sorted[max(rank, 1)-1]
}
