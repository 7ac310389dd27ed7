package metrics

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/intentra/intentra"
)

// WithPeerLabels adds metrics of single connected peers. Their names begin with
// intentra_peer_. Their labels are public keys in base64: peer is the peer's key,
// identity is ours towards it. All peers have the same identity unless
// [intentra.Transport.DialAs] was used; a key dialled with two identities counts
// as two peers.
//
// At most limit peers get metrics, those with the smallest keys, so that the
// selection is stable while peers come and go. intentra_unlabelled_peers counts
// the others. A peer has at most twelve series, which end with its connection; its
// RTT has one from the first sample on. A limit of zero or less selects no peer.
func WithPeerLabels(limit int) Option {
	return func(c *collector) { c.peers = newPeerMetrics(max(limit, 0)) }
}

// peerLabels identify a peer; the key alone does not (see [WithPeerLabels]).
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
			gauge("peer_queued_messages", "Messages queued to be sent to a peer.",
				func(s intentra.PeerStats) float64 { return float64(s.QueuedMessages) }),
			gauge("peer_queue_bytes", "Bytes of messages queued to be sent to a peer.",
				func(s intentra.PeerStats) float64 { return float64(s.QueueBytes) }),
			gauge("peer_in_flight_bytes", "Bytes sent to a peer that are neither acknowledged nor lost, once more than 16 KiB were.",
				func(s intentra.PeerStats) float64 { return float64(s.InFlight) }),
			gauge("peer_in_flight_bound_bytes", "Bytes that may be in flight to a peer, once more than 16 KiB were.",
				func(s intentra.PeerStats) float64 { return float64(s.InFlightBound) }),
			counter("peer_holds_total", "Times that messages to a peer began to wait because as much as may be was in flight.",
				func(s intentra.PeerStats) uint64 { return s.Holds }),
			gauge("peer_datagram_bytes", "Size of the largest datagrams sent to a peer at present, zero if it is not connected.",
				func(s intentra.PeerStats) float64 { return float64(s.DatagramSize) }),
			counter("peer_messages_delivered_total", "Messages from a peer delivered to the application.",
				func(s intentra.PeerStats) uint64 { return s.MessagesIn }),
			counter("peer_messages_sent_total", "Messages put into datagrams to a peer.",
				func(s intentra.PeerStats) uint64 { return s.MessagesOut }),
			counter("peer_messages_lost_total", "Messages in datagrams to a peer that were declared lost.",
				func(s intentra.PeerStats) uint64 { return s.Lost }),
			counter("peer_send_drops_total", "Messages to a peer that were dropped before the outbound chain.",
				func(s intentra.PeerStats) uint64 { return s.SendDrops }),
			counter("peer_superseded_total", "Latest messages to a peer that a newer one replaced before they were sent.",
				func(s intentra.PeerStats) uint64 { return s.Superseded }),
			counter("peer_receive_drops_total", "Messages from a peer dropped before the application received them.",
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
