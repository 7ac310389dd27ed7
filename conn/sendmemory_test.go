package conn_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
)

// Peers that acknowledge nothing cost a bounded amount of memory together, and leave
// enough for one that does.
func TestSendMemoryOfPeersThatTakeNothing(t *testing.T) {
	const memory = 2 << 20
	w := newWorld(t, 1)
	hub := w.node(func(c *conn.Config) { c.SendMemory = memory })
	var silent []*node
	for range 20 {
		n := w.node()
		n.dial(hub)
		silent = append(silent, n)
	}
	good := w.node()
	good.dial(hub)
	w.run(time.Second)
	deaf := map[netip.AddrPort]bool{}
	for _, n := range silent {
		require.True(t, bothUp(n, hub))
		deaf[n.Addr()] = true
	}
	w.tap = func(from, to netip.AddrPort, _ []byte) bool {
		return !deaf[to] && !deaf[from]
	}
	full, most := 0, 0
	for i := range 3000 {
		n := silent[i%len(silent)]
		for range 2 {
			hub.queue(n, uint32(i), pipeline.Latest, number(i, 1000))
			if r, _ := hub.peer(n).Push(&conn.Message{Channel: 1, Intent: pipeline.Reliable, Payload: []byte(number(i, 1000))}); r == conn.QueueFull {
				full++
			}
		}
		if i%30 == 0 {
			hub.push(good, 1, pipeline.Reliable, number(i, 1000))
			hub.push(good, 2, pipeline.Realtime, number(i, 1000))
			w.run(time.Millisecond)
		}
		most = max(most, hub.Endpoint().Stats().SendMemory)
	}
	w.run(time.Second)
	require.LessOrEqual(t, most, memory)
	require.Greater(t, most, memory*3/4)
	require.Positive(t, full)
	require.Len(t, good.got, 200)
	w.run(61 * time.Second) // the idle timeout of the silent ones
	require.Less(t, hub.Endpoint().Stats().SendMemory, 100<<10)
}
