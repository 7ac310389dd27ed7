package intentra_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/loopback"
)

// The worker's queue is bounded: further jobs stay in the core, and the loop never
// blocks on the queue.
func TestWorkerQueueAtItsLimit(t *testing.T) {
	cfg, err := intentra.Config{Key: loopback.Key(t)}.Core()
	require.NoError(t, err)
	cfg.Rand = rand.NewChaCha8([32]byte{})
	cfg.Touched = func(*conn.Peer) {}
	w, err := intentra.NewWorkerlessTransport(cfg)
	require.NoError(t, err)
	const dials = 3 * intentra.WorkerQueue
	for i := range dials {
		require.NoError(t, w.Dial(intentra.PublicKey{byte(i), 1}, netip.MustParseAddrPort("127.0.0.1:9")))
		w.StartJobs()
	}
	queued, handedOver, waiting := w.Jobs()
	require.Equal(t, intentra.WorkerQueue, queued)
	require.Equal(t, intentra.WorkerQueue, handedOver)
	require.Equal(t, dials-intentra.WorkerQueue, waiting)
}
