package intentra

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/noise"
)

// The worker has at most workerQueue jobs: all others wait in the core, and the
// loop never waits for a place.
func TestWorkerQueueAtItsLimit(t *testing.T) {
	key, err := GenerateKey()
	require.NoError(t, err)
	cfg, err := Config{Key: key}.Core()
	require.NoError(t, err)
	cfg.Rand = rand.NewChaCha8([32]byte{})
	cfg.Touched = func(*conn.Peer) {}
	tr := &Transport{work: make(chan *conn.Job, workerQueue)}
	tr.core, err = journal.New(cfg, nil, 0)
	require.NoError(t, err)
	const dials = 3 * workerQueue
	for i := range dials {
		p, err := tr.core.Dial([noise.KeySize]byte{byte(i), 1}, 1)
		require.NoError(t, err)
		tr.core.SetAddress(p, netip.MustParseAddrPort("127.0.0.1:9"), 1)
		tr.startJobs()
	}
	require.Len(t, tr.work, workerQueue)
	require.Equal(t, workerQueue, tr.working)
	waiting := 0
	for tr.core.PollJob() != nil {
		waiting++
	}
	require.Equal(t, dials-workerQueue, waiting)
}
