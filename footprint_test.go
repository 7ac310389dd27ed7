package intentra_test

import (
	"math"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/internal/race"
)

// footprint is the largest heap per peer, in bytes, including everything.
const footprint = 4096

// The heap per idle peer is bounded, on the average of the side that was dialled and
// the side that dials, which also has an identity for each peer.
func TestFootprint(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	// The first peers fill the tables of the transport, such as that of the last
	// 1,024 completed handshakes.
	const first, n = 1100, 1024
	ctx := loopback.Context(t)
	cfg := intentra.Config{MaxHandshakes: first, MaxHandshakesPerAddress: first, HandshakeRate: 100_000}
	l, g := loopback.Listen(t, cfg), loopback.Listen(t, cfg)
	connect := func(n int) {
		turns := make(chan struct{}, 32)
		var wg sync.WaitGroup
		for range n {
			id := loopback.Key(t)
			turns <- struct{}{}
			wg.Go(func() {
				if _, err := g.DialAs(ctx, id, l.LocalAddr().String(), l.PublicKey()); err != nil {
					t.Error(err)
				}
				<-turns
			})
		}
		wg.Wait()
	}
	settle := func(up int) int {
		loopback.Eventually(t, ctx, "all are up and idle", func() bool {
			return len(l.Peers()) == up && len(g.Peers()) == up
		})
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	connect(first)
	before := settle(first)
	connect(n)
	each := (settle(first+n) - before) / (2 * n)
	t.Logf("%d B a peer", each)
	require.LessOrEqual(t, each, footprint)
}

// transportFootprint is the largest heap of a transport without peers, in bytes.
const transportFootprint = 128 << 10

// The heap of a transport that has received nothing is bounded: a machine may run hundreds, as
// one process for each robot of a simulated fleet does.
func TestTransportFootprint(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	const n = 64
	settle := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	// The least of some attempts: transports share buffers for reading, of which the first
	// ones allocate as many as are reading at the same time.
	each := math.MaxInt
	for range 4 {
		before := settle()
		for range n {
			loopback.Listen(t, intentra.Config{})
		}
		each = min(each, (settle()-before)/n)
	}
	t.Logf("%d B a transport", each)
	require.LessOrEqual(t, each, transportFootprint)
}
