package intentra_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/internal/race"
)

// Peers that acknowledge nothing, such as stopped processes, cost a transport no more
// than its send memory together, even if each queue may be as long as one of the command's
// hub. Here their event loops are stuck in a Handler.
func TestMemoryOfSilentPeers(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	const peers, size = 20, 1100
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{
		SendQueueMessages: 1 << 12, SendQueueBytes: 1 << 20, ReliableQueueMessages: 1 << 16, ReliableQueueBytes: 16 << 20,
		SendMemory: 64 << 20,
	})
	release := make(chan struct{})
	for range peers {
		p := loopback.Dial(t, l, intentra.Config{Handler: func(intentra.Received) { <-release }})
		defer func() { go p.Transport().Close() }()
	}
	t.Cleanup(func() { close(release) })
	loopback.Eventually(t, ctx, "all are up", func() bool { return len(l.Peers()) == peers })
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before, payload := heap(), make([]byte, size)
	refused := 0
	for i := range 20_000 {
		for _, p := range l.Peers() {
			p.Send(intentra.Message{Intent: intentra.Latest, Channel: uint32(i), Payload: payload})
			if p.Send(intentra.Message{Intent: intentra.Reliable, Payload: payload}).Status == intentra.Dropped {
				refused++
			}
		}
	}
	used, memory := heap()-before, l.Stats().SendMemory
	t.Logf("%.1f MB of heap for %d peers, %.1f MB of them send memory", float64(used)/1e6, peers, float64(memory)/1e6)
	require.Len(t, l.Peers(), peers)
	require.Positive(t, refused)
	require.LessOrEqual(t, memory, 64<<20)
	require.Less(t, used, 80<<20) // with what is in flight
}
