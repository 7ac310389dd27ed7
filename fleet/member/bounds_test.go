package member

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestHubsAreBounded: heartbeats of more hubs than a fleet may have are refused.
func TestHubsAreBounded(t *testing.T) {
	w := newNetwork(1)
	n := w.add(t)
	for i := range maxHubs + 10 {
		other, err := New(Config{Key: keyOf(fmt.Sprint("many", i)), Incarnation: uint64(i + 1)}, &heartbeats{n: n})
		require.NoError(t, err)
		other.Begin(n, 1)
		other.Tick()
	}
	require.Len(t, n.member.hubs, maxHubs)
	require.EqualValues(t, 10, n.member.Stats().Refused)
	w.now = 2 * time.Minute
	n.turn(n.member.Tick)
	require.Empty(t, n.member.hubs, "silent hubs are forgotten")
	require.Empty(t, n.member.byInc)
}

type heartbeats struct {
	bus
	n *node
}

func (h *heartbeats) Heartbeat(b []byte) { h.n.turn(func() { h.n.member.ReceiveHeartbeat(b) }) }
