package metrics

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/intentra/intentra"
)

// WithPeerLabels adds metrics of single connected peers, whose names begin with
// intentra_peer_ and whose labels are public keys in base64: peer is the peer's
// own, identity ours towards it. Identity is the same everywhere unless
// [intentra.Transport.DialAs] has dialled under other ones; a key dialled under
// two is two peers.
//
// At most limit peers are shown, those with the smallest keys, so that the
// choice stays the same as peers come and go; intentra_unlabelled_peers counts
// the others. Each costs at most eight series, and a peer's series end with its
// connection; that of its RTT begins with the first sample. A limit of zero or
// less shows none.
func WithPeerLabels(limit int) Option {
	return func(c *collector) { c.peers = newPeerMetrics(max(limit, 0)) }
}

// peerLabels name a peer: a key alone does not.
var peerLabels = []string{"peer", "identity"}

// peerMetrics are the metrics of single peers.
type peerMetrics struct {
	limit   int
	left    *prometheus.Desc
	rtt     *prometheus.Desc
	metrics []peerMetric
}

type peerMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(intentra.PeerStats) float64
}

func newPeerMetrics(limit int) *peerMetrics {
	counter := func(name, help string, value func(intentra.PeerStats) uint64) peerMetric {
		return peerMetric{newDesc(name, help, peerLabels...), prometheus.CounterValue,
			func(s intentra.PeerStats) float64 { return float64(value(s)) }}
	}
	gauge := func(name, help string, value func(intentra.PeerStats) float64) peerMetric {
		return peerMetric{newDesc(name, help, peerLabels...), prometheus.GaugeValue, value}
	}
	return &peerMetrics{
		limit: limit,
		left:  newDesc("unlabelled_peers", "Connected peers without metrics of their own, because of the limit."),
		rtt:   newDesc("peer_rtt_seconds", "Smoothed round-trip time of a peer.", peerLabels...),
		metrics: []peerMetric{
			gauge("peer_queued_messages", "Messages that wait to be sent to a peer.",
				func(s intentra.PeerStats) float64 { return float64(s.QueuedMessages) }),
			gauge("peer_queue_bytes", "Bytes of the messages that wait to be sent to a peer.",
				func(s intentra.PeerStats) float64 { return float64(s.QueueBytes) }),
			counter("peer_messages_delivered_total", "Messages of a peer handed to the application.",
				func(s intentra.PeerStats) uint64 { return s.MessagesIn }),
			counter("peer_messages_sent_total", "Messages put into datagrams to a peer.",
				func(s intentra.PeerStats) uint64 { return s.MessagesOut }),
			counter("peer_messages_lost_total", "Messages in datagrams to a peer that were taken for lost.",
				func(s intentra.PeerStats) uint64 { return s.Lost }),
			counter("peer_send_drops_total", "Messages to a peer that never reached the outbound chain.",
				func(s intentra.PeerStats) uint64 { return s.SendDrops }),
			counter("peer_receive_drops_total", "Messages of a peer overwritten or given up before the application received them.",
				func(s intentra.PeerStats) uint64 { return s.ReceiveDrops }),
		},
	}
}

func (m *peerMetrics) describe(out chan<- *prometheus.Desc) {
	out <- m.left
	out <- m.rtt
	for _, d := range m.metrics {
		out <- d.desc
	}
}

func (m *peerMetrics) collect(peers []intentra.PeerStats, out chan<- prometheus.Metric) {
	sorted := slices.Clone(peers)
	slices.SortFunc(sorted, func(a, b intentra.PeerStats) int {
		return cmp.Or(bytes.Compare(a.Key[:], b.Key[:]), bytes.Compare(a.Identity[:], b.Identity[:]))
	})
	shown := sorted[:min(m.limit, len(sorted))]
	out <- prometheus.MustNewConstMetric(m.left, prometheus.GaugeValue, float64(len(sorted)-len(shown)))
	for _, p := range shown {
		labels := []string{p.Key.String(), p.Identity.String()}
		if p.RTT > 0 {
			out <- prometheus.MustNewConstMetric(m.rtt, prometheus.GaugeValue, p.RTT.Seconds(), labels...)
		}
		for _, d := range m.metrics {
			out <- prometheus.MustNewConstMetric(d.desc, d.kind, d.value(p), labels...)
		}
	}
}
