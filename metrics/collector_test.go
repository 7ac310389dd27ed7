package metrics

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/udp"
)

// gatherer returns a registry with a collector of s. The pedantic registry also
// checks that each collected metric was described.
func gatherer(t *testing.T, s snapshot, opts ...Option) *prometheus.Registry {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	require.NoError(t, r.Register(newCollector(func() snapshot { return s }, opts)))
	return r
}

// distinct returns a snapshot with a different value in each field, so that a
// metric that reads the wrong field is noticed.
func distinct() snapshot {
	return snapshot{
		stats: intentra.Stats{
			PacketsIn: 101, PacketsOut: 102, BytesIn: 103, BytesOut: 104, MessagesIn: 105, MessagesOut: 106,
			In: pipeline.Counts{
				Packets:  pipeline.Tally{In: 100, Accepted: 60, Consumed: 33},
				Messages: pipeline.Tally{In: 80, Accepted: 75, Consumed: 1},
				Drops: []pipeline.DropCount{
					{Stage: "replay", Reason: "old", Packets: 7},
					{Stage: "geofence", Reason: "outside", Messages: 4},
					{Stage: "geofence", Reason: "panic"},
				},
				Faults: []pipeline.Fault{{Stage: "geofence", Method: "SessionOpened", Count: 2}},
			},
			Out: pipeline.Counts{
				Packets:  pipeline.Tally{In: 50, Accepted: 49},
				Messages: pipeline.Tally{In: 20, Accepted: 20},
				Drops:    []pipeline.DropCount{{Stage: "seal", Reason: "no_key", Packets: 1}},
				Faults:   []pipeline.Fault{{Stage: "pack", Method: "Process", Count: 3}},
			},
			SendDrops: []intentra.NamedCount{{Name: "queue_full", Count: 11}, {Name: "closed"}}, Superseded: 41,
			Deliveries: []intentra.NamedCount{{Name: "acked", Count: 43}, {Name: "expired", Count: 44}}, GivenUp: 45,
			ReceiveDrops: 107, Handshakes: []intentra.NamedCount{{Name: "accepted", Count: 12}},
			HandshakesInFlight: 13, HandshakesWaiting: 21, CookiesSent: 108, RepliesLost: 115, Refused: 116, Peers: 14, Sessions: 15, Rekeys: 109, Strikes: 110,
			Closes: []intentra.NamedCount{{Name: "idle", Count: 16}},
			Panics: 111, SlowHandlerCalls: 112, ReorderBytes: 17, FragmentBytes: 22, QueueBytes: 18, SendMemory: 41, Roams: 113, Takeovers: 114,
			Uptime: 90 * time.Second, SocketReadBuffer: 19, SocketWriteBuffer: 20,
			Socket: udp.Stats{
				ReadCalls: 21, WriteCalls: 22,
				ReadLoss: udp.Losses{udp.LossTruncated: 23}, WriteLoss: udp.Losses{udp.LossNoBuffers: 24},
				Reported: udp.Losses{udp.LossRefused: 25, udp.LossOther: 1}, Overflowed: 27,
			},
		},
		peers: []intentra.PeerStats{{
			Key: intentra.PublicKey{1}, Identity: intentra.PublicKey{2}, RTT: 5 * time.Millisecond, MessagesIn: 31, MessagesOut: 32, Lost: 33,
			QueuedMessages: 34, QueueBytes: 35, SendDrops: 36, Superseded: 42, ReceiveDrops: 37,
			InFlight: 38, InFlightBound: 39, Holds: 40,
		}},
	}
}

func TestLint(t *testing.T) {
	problems, err := testutil.GatherAndLint(gatherer(t, distinct(), WithPeerLabels(10)))
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestEachMetricReadsItsField(t *testing.T) {
	key, own := intentra.PublicKey{1}.String(), intentra.PublicKey{2}.String()
	got := values(t, gatherer(t, distinct(), WithPeerLabels(10)))
	for series, want := range map[string]float64{
		"intentra_packets_received_total":   101,
		"intentra_packets_sent_total":       102,
		"intentra_received_bytes_total":     103,
		"intentra_sent_bytes_total":         104,
		"intentra_messages_delivered_total": 105,
		"intentra_messages_sent_total":      106,
		"intentra_receive_drops_total":      107,
		"intentra_cookies_sent_total":       108,
		"intentra_replies_lost_total":       115,
		"intentra_refused_datagrams_total":  116,
		"intentra_rekeys_total":             109,
		"intentra_strikes_total":            110,
		"intentra_panics_total":             111,
		"intentra_slow_handler_calls_total": 112,
		"intentra_roams_total":              113,
		"intentra_takeovers_total":          114,
		"intentra_connected_peers":          1,
		"intentra_socket_late_errors_total": 26,
		"intentra_socket_overflows_total":   27,
		"intentra_handshakes_in_flight":     13,
		"intentra_handshakes_waiting":       21,
		"intentra_peers":                    14,
		"intentra_sessions":                 15,
		"intentra_reorder_bytes":            17,
		"intentra_fragment_bytes":           22,
		"intentra_queue_bytes":              18,
		"intentra_uptime_seconds":           90,

		"intentra_superseded_total":                                                41,
		"intentra_given_up_total":                                                  45,
		`intentra_deliveries_total{outcome=acked}`:                                 43,
		`intentra_deliveries_total{outcome=expired}`:                               44,
		`intentra_send_drops_total{reason=queue_full}`:                             11,
		`intentra_send_drops_total{reason=closed}`:                                 0,
		`intentra_handshakes_total{outcome=accepted}`:                              12,
		`intentra_closes_total{reason=idle}`:                                       16,
		`intentra_socket_buffer_bytes{direction=in}`:                               19,
		`intentra_socket_buffer_bytes{direction=out}`:                              20,
		`intentra_socket_calls_total{direction=in}`:                                21,
		`intentra_socket_calls_total{direction=out}`:                               22,
		`intentra_socket_lost_datagrams_total{direction=in,reason=truncated}`:      23,
		`intentra_socket_lost_datagrams_total{direction=out,reason=no_buffers}`:    24,
		`intentra_socket_lost_datagrams_total{direction=out,reason=truncated}`:     0,
		`intentra_drops_total{direction=in,level=packet,reason=old,stage=replay}`:  7,
		`intentra_drops_total{direction=in,level=message,reason=old,stage=replay}`: 0,

		`intentra_drops_total{direction=in,level=message,reason=outside,stage=geofence}`: 4,
		`intentra_drops_total{direction=in,level=packet,reason=panic,stage=geofence}`:    0,
		`intentra_drops_total{direction=in,level=message,reason=panic,stage=geofence}`:   0,
		`intentra_drops_total{direction=out,level=packet,reason=no_key,stage=seal}`:      1,

		`intentra_stage_faults_total{direction=in,method=SessionOpened,stage=geofence}`: 2,
		`intentra_stage_faults_total{direction=out,method=Process,stage=pack}`:          3,

		`intentra_chain_packets_total{direction=in,outcome=consumed}`:   33,
		`intentra_chain_packets_total{direction=out,outcome=accepted}`:  49,
		`intentra_chain_messages_total{direction=in,outcome=accepted}`:  75,
		`intentra_chain_messages_total{direction=out,outcome=accepted}`: 20,

		"intentra_unlabelled_peers":                                                     0,
		"intentra_peer_rtt_seconds{identity=" + own + ",peer=" + key + "}":              0.005,
		"intentra_peer_messages_delivered_total{identity=" + own + ",peer=" + key + "}": 31,
		"intentra_peer_messages_sent_total{identity=" + own + ",peer=" + key + "}":      32,
		"intentra_peer_messages_lost_total{identity=" + own + ",peer=" + key + "}":      33,
		"intentra_peer_queued_messages{identity=" + own + ",peer=" + key + "}":          34,
		"intentra_peer_queue_bytes{identity=" + own + ",peer=" + key + "}":              35,
		"intentra_peer_in_flight_bytes{identity=" + own + ",peer=" + key + "}":          38,
		"intentra_peer_in_flight_bound_bytes{identity=" + own + ",peer=" + key + "}":    39,
		"intentra_peer_holds_total{identity=" + own + ",peer=" + key + "}":              40,
		"intentra_peer_superseded_total{identity=" + own + ",peer=" + key + "}":         42,
		"intentra_peer_send_drops_total{identity=" + own + ",peer=" + key + "}":         36,
		"intentra_peer_receive_drops_total{identity=" + own + ",peer=" + key + "}":      37,
	} {
		require.Contains(t, got, series)
		require.InDelta(t, want, got[series], 1e-12, series)
	}
}

// If the counts of a chain are conserved, so are the metrics: no drop is left out
// or counted at the wrong level.
func TestMetricsConserveCounts(t *testing.T) {
	r := seed.Rand(t)
	chain := func() (c pipeline.Counts) {
		c.Packets.Accepted, c.Packets.Consumed = r.Uint64N(1000), r.Uint64N(1000)
		c.Messages.Accepted, c.Messages.Consumed = r.Uint64N(1000), r.Uint64N(1000)
		c.Packets.In = c.Packets.Accepted + c.Packets.Consumed
		c.Messages.In = c.Messages.Accepted + c.Messages.Consumed
		for i := range 1 + r.IntN(5) {
			d := pipeline.DropCount{Stage: "s", Reason: fmt.Sprint("r", i), Packets: r.Uint64N(1000), Messages: r.Uint64N(1000)}
			c.Packets.In += d.Packets
			c.Messages.In += d.Messages
			c.Drops = append(c.Drops, d)
		}
		return c
	}
	for range 100 {
		got := values(t, gatherer(t, snapshot{stats: intentra.Stats{In: chain(), Out: chain()}}))
		for _, level := range []string{"packets", "messages"} {
			for _, direction := range []string{"in", "out"} {
				name := "intentra_chain_" + level
				var outcomes, drops float64
				for series, n := range got {
					if strings.HasPrefix(series, name+"_total{direction="+direction+",") {
						outcomes += n
					}
					if strings.HasPrefix(series, "intentra_drops_total{direction="+direction+",level="+strings.TrimSuffix(level, "s")+",") {
						drops += n
					}
				}
				require.Equal(t, got[name+"_entered_total{direction="+direction+"}"], outcomes)
				require.Equal(t, got[name+"_total{direction="+direction+",outcome=dropped}"], drops)
			}
		}
	}
}

func TestCollectFromManyGoroutines(t *testing.T) {
	c := newCollector(distinct, []Option{WithPeerLabels(1)})
	want := testutil.CollectAndCount(c)
	require.NotZero(t, want)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if got := testutil.CollectAndCount(c); got != want {
					t.Errorf("%d series, want %d", got, want)
				}
			}
		})
	}
	wg.Wait()
}

// values returns all series by name{label=value,...}, with labels sorted by name.
func values(t *testing.T, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	require.NoError(t, err)
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			series := f.GetName()
			if len(labels) > 0 {
				series += "{" + strings.Join(labels, ",") + "}"
			}
			require.NotContains(t, all, series)
			all[series] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return all
}
