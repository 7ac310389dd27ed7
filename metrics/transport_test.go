package metrics_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/metrics"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

// The metrics of two connected transports agree with the messages exchanged. Drops
// of a user's stage are counted under its name.
func TestCountersOfTransports(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	server, client := pair(t, ctx)
	of := func(transport *intentra.Transport) *prometheus.Registry {
		r := prometheus.NewPedanticRegistry()
		require.NoError(t, r.Register(metrics.NewCollector(transport, metrics.WithPeerLabels(1))))
		return r
	}
	received, sent := of(server), of(client.Transport())

	// Counters are published after a batch, so a message can arrive before it is
	// counted. It is counted before a message of the next round arrives.
	const rounds = 50
	for round := 0; ; round++ {
		require.NoError(t, client.SendWait(ctx, intentra.Message{Intent: intentra.Reliable, Payload: []byte("outside")}))
		require.NoError(t, client.SendWait(ctx, intentra.Message{Intent: intentra.Reliable, Payload: []byte("inside")}))
		m, err := server.Receive(ctx)
		require.NoError(t, err)
		require.Equal(t, "inside", string(m.Payload))
		if round < rounds {
			continue
		}
		in, out := series(t, received), series(t, sent)
		if in["intentra_messages_delivered_total"] < rounds || out["intentra_messages_sent_total"] < 2*rounds {
			continue
		}
		require.GreaterOrEqual(t, in["intentra_drops_total in message outside geofence"], float64(rounds))
		require.Zero(t, in["intentra_drops_total in packet outside geofence"])
		_, ok := in["intentra_drops_total in packet replayed replay"]
		require.True(t, ok, "a series that is zero is missing")
		_, ok = out["intentra_drops_total in message outside geofence"]
		require.False(t, ok, "the client has no geofence")

		for name, least := range map[string]float64{
			"intentra_packets_received_total": 2, "intentra_received_bytes_total": 100,
			"intentra_packets_sent_total": 2, "intentra_sent_bytes_total": 100,
			"intentra_peers": 1, "intentra_connected_peers": 1, "intentra_sessions": 1,
			"intentra_handshakes_in_flight": 0, "intentra_handshakes_waiting": 0, "intentra_panics_total": 0,
			"intentra_socket_calls_total in": 1,
		} {
			for side, all := range map[string]map[string]float64{"server": in, "client": out} {
				_, ok := all[name]
				require.True(t, ok, "%s %s", side, name)
				require.GreaterOrEqual(t, all[name], least, "%s %s", side, name)
			}
		}
		require.Equal(t, 1.0, in["intentra_connected_peers"])
		require.Zero(t, in["intentra_unlabelled_peers"])
		break
	}
	for _, r := range []*prometheus.Registry{received, sent} {
		problems, err := testutil.GatherAndLint(r)
		require.NoError(t, err)
		require.Empty(t, problems)
	}
}

// The metrics of a gateway that dials one hub with three identities can be
// collected.
func TestIdentitiesTowardsOnePeer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	keys := make([]intentra.PrivateKey, 4)
	for i := range keys {
		var err error
		keys[i], err = intentra.GenerateKey()
		require.NoError(t, err)
	}
	listen := func(key intentra.PrivateKey) *intentra.Transport {
		l, err := intentra.Listen("127.0.0.1:0", intentra.Config{Key: key, Authorize: intentra.AllowAny})
		require.NoError(t, err)
		t.Cleanup(func() { l.Close() })
		return l
	}
	hub, gateway := listen(keys[0]), listen(keys[1])
	for _, key := range keys[1:] {
		_, err := gateway.DialAs(ctx, key, hub.LocalAddr().String(), hub.PublicKey())
		require.NoError(t, err)
	}
	r := prometheus.NewPedanticRegistry()
	require.NoError(t, r.Register(metrics.NewCollector(gateway, metrics.WithPeerLabels(3))))
	all := series(t, r)
	for _, key := range keys[1:] {
		// Labels are sorted by name: identity, peer.
		require.Contains(t, all, "intentra_peer_queue_bytes "+key.Public().String()+" "+hub.PublicKey().String())
	}
	require.Zero(t, all["intentra_unlabelled_peers"])
}

// Metrics can be collected during traffic and after Close.
func TestCollectDuringTrafficAndAfterClose(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	server, client := pair(t, ctx)
	c := metrics.NewCollector(server, metrics.WithPeerLabels(1))
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					testutil.CollectAndCount(c)
				}
			}
		})
	}
	for range 200 {
		require.NoError(t, client.SendWait(ctx, intentra.Message{Intent: intentra.Reliable, Payload: []byte("inside")}))
		_, err := server.Receive(ctx)
		require.NoError(t, err)
	}
	close(done)
	wg.Wait()
	require.NoError(t, server.Close())
	require.NotZero(t, testutil.CollectAndCount(c, "intentra_packets_received_total"))
}

// pair returns a listener with a geofence stage, and a peer connected to it.
func pair(t *testing.T, ctx context.Context) (*intentra.Transport, *intentra.Peer) {
	t.Helper()
	serverKey, err := intentra.GenerateKey()
	require.NoError(t, err)
	clientKey, err := intentra.GenerateKey()
	require.NoError(t, err)
	server, err := intentra.Listen("127.0.0.1:0", intentra.Config{
		Key:       serverKey,
		Authorize: func(_ context.Context, h intentra.Handshake) bool { return h.Key == clientKey.Public() },
		Stages: func(s *stages.Set) error {
			s.InsertAfter("ack", pipeline.Func("geofence", []string{"outside"}, func(p *pipeline.Packet) pipeline.Verdict {
				if string(p.Payload()) == "outside" {
					return pipeline.DropFirst
				}
				return pipeline.Accept
			}))
			return nil
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { server.Close() })
	client, err := intentra.Dial(ctx, server.LocalAddr().String(), serverKey.Public(), intentra.Config{Key: clientKey})
	require.NoError(t, err)
	t.Cleanup(func() { client.Transport().Close() })
	return server, client
}

// series returns all series, named by metric and label values, with labels sorted
// by name.
func series(t *testing.T, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	require.NoError(t, err)
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			all[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return all
}
