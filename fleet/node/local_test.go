package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/load"
)

// What BenchmarkLocal runs.
const (
	localPeers = 20
	localRate  = 10_000
	localRound = 10_000 // updates between measurements
)

// localLoad is peers of one hub that publish to each other.
type localLoad struct {
	topics   []*hub.Publication
	received chan struct{} // has room for a round
	cpu      time.Duration
	sent     int
}

func newLocalLoad(b *testing.B, f *testFleet, at *hub.Hub) *localLoad {
	l := &localLoad{received: make(chan struct{}, localRound)}
	var clients []*hub.Client
	for range localPeers {
		key, err := intentra.GenerateKey()
		require.NoError(b, err)
		t := at.Transport()
		c, err := hub.Dial(b.Context(), t.LocalAddr().String(), t.PublicKey(), hub.ClientConfig{Transport: intentra.Config{Key: key}})
		require.NoError(b, err)
		b.Cleanup(func() { _ = c.Close() })
		f.until(func() bool { return c.Name() != "" })
		topic, err := c.Declare(b.Context(), hub.Topic{Name: "state", Intent: intentra.Realtime})
		require.NoError(b, err)
		clients, l.topics = append(clients, c), append(l.topics, topic)
	}
	for i, c := range clients {
		pattern := clients[(i+1)%localPeers].Name() + "/state"
		_, err := c.Subscribe(b.Context(), hub.Subscription{Pattern: pattern, Handler: func(hub.Update) { l.received <- struct{}{} }})
		require.NoError(b, err)
	}
	for _, topic := range l.topics {
		f.until(topic.Wanted)
	}
	return l
}

// round publishes for a while and measures the CPU time.
func (l *localLoad) round(b *testing.B) {
	l.cpu += used(b, func() { l.publish(b) })
	require.NotEmpty(b, l.received)
	for len(l.received) > 0 {
		<-l.received
	}
}

// publish publishes a round, and waits until it has arrived.
func (l *localLoad) publish(b *testing.B) {
	p := &load.Pacer{Start: load.Now(), Rate: localRate, Duration: localRound * time.Second / localRate}
	payload := make([]byte, crossingSize)
	for i := 0; ; i++ {
		if _, ok := p.Wait(b.Context()); !ok {
			break
		}
		require.NoError(b, l.topics[i%localPeers].Send(payload))
		l.sent++
	}
	load.Sleep(b.Context(), 50*time.Millisecond)
}

// BenchmarkLocal measures the CPU time of an update that one peer sends another at the same hub,
// peers included: of a single hub, and of a hub of a fleet of three while nothing crosses. Rounds
// of both alternate.
func BenchmarkLocal(b *testing.B) {
	f := newFleet(b, 3, func(_ int, cfg *Config) { cfg.Heartbeat, cfg.Lost = 500*time.Millisecond, 2*time.Second })
	key, err := intentra.GenerateKey()
	require.NoError(b, err)
	h, err := hub.Listen("127.0.0.1:0", hub.Config{Transport: intentra.Config{Key: key}, Access: hub.AllowAny()})
	require.NoError(b, err)
	b.Cleanup(func() { _ = h.Close() })
	single, member := newLocalLoad(b, f, h), newLocalLoad(b, f, f.nodes[0].Hub())
	for b.Loop() {
		single.round(b)
		member.round(b)
	}
	perUpdate := func(l *localLoad) float64 { return float64(l.cpu.Nanoseconds()) / float64(l.sent) }
	b.ReportMetric(perUpdate(single), "cpu-ns/update-single")
	b.ReportMetric(perUpdate(member), "cpu-ns/update-member")
	b.ReportMetric(perUpdate(member)/perUpdate(single), "ratio")
	b.ReportMetric(0, "ns/op")
	require.Zero(b, f.nodes[0].Status().UpdatesSent)
}
