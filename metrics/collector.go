package metrics

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/intentra/intentra"
)

// namespace is the first part of every metric's name.
const namespace = "intentra"

// Option configures a collector.
type Option func(*collector)

// NewCollector returns a collector of the counters of t, to be registered once. It
// is safe for concurrent use. After t is closed it keeps returning the last counters.
//
// Metrics have no label for the transport. A process with several transports
// registers each with [prometheus.WrapRegistererWith] to add one.
//
// NewCollector panics if t or an option is nil, or t is zero.
func NewCollector(t *intentra.Transport, opts ...Option) prometheus.Collector {
	t.PublicKey() // panics with a text that names the mistake
	return newCollector(func() snapshot { return takeSnapshot(t) }, opts)
}

// snapshot is the input of one collection.
type snapshot struct {
	stats intentra.Stats
	peers []intentra.PeerStats
}

func takeSnapshot(t *intentra.Transport) snapshot {
	peers := t.Peers()
	s := snapshot{stats: t.Stats(), peers: make([]intentra.PeerStats, 0, len(peers))}
	for _, p := range peers {
		s.peers = append(s.peers, p.Stats())
	}
	return s
}

// collector is immutable after newCollector, except for its histogram.
type collector struct {
	read    func() snapshot
	totals  []total
	vectors []vector
	online  *prometheus.Desc
	rtt     *rttHistogram
	peers   *peerMetrics // nil without WithPeerLabels
}

func newCollector(read func() snapshot, opts []Option) *collector {
	c := &collector{
		read: read, totals: newTotals(), vectors: newVectors(), rtt: newRTTHistogram(),
		online: newDesc("connected_peers", "Connected peers."),
	}
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("metrics: option %d is nil", i))
		}
		o(c)
	}
	return c
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, m := range c.totals {
		out <- m.desc
	}
	for _, m := range c.vectors {
		out <- m.desc
	}
	out <- c.online
	out <- c.rtt.desc
	if c.peers != nil {
		c.peers.describe(out)
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(out chan<- prometheus.Metric) {
	s := c.read()
	for _, m := range c.totals {
		out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(s.stats))
	}
	for _, m := range c.vectors {
		m.rows(s.stats, func(n uint64, labels ...string) {
			out <- prometheus.MustNewConstMetric(m.desc, m.kind, float64(n), labels...)
		})
	}
	out <- prometheus.MustNewConstMetric(c.online, prometheus.GaugeValue, float64(len(s.peers)))
	c.rtt.collect(s.peers, out)
	if c.peers != nil {
		c.peers.collect(s.peers, out)
	}
}

func newDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}
