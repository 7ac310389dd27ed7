package intentra_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/loopback"
)

func coreConfig(t *testing.T) conn.Config {
	cfg, err := intentra.Config{Key: loopback.Key(t)}.Core()
	require.NoError(t, err)
	cfg.Rand = rand.NewChaCha8([32]byte{})
	cfg.Touched = func(*conn.Peer) {}
	return cfg
}

// A deadline that moves away, as with every message, leaves the one of the socket as it
// is until that has passed.
func TestReadDeadlineIsSetRarely(t *testing.T) {
	const ms = time.Millisecond
	set, err := intentra.ReadDeadlines(coreConfig(t), []time.Duration{0, 1 * ms, 4 * ms, 6 * ms, 7 * ms, 2 * ms})
	require.NoError(t, err)
	require.Equal(t, []time.Duration{5 * ms, 5 * ms, 5 * ms, 11 * ms, 11 * ms, 7 * ms}, set)
}

// A loop that leaves it to the next turn to wake a receiver, because it expects more
// datagrams, wakes it before it waits for them.
func TestBusyLoopWakesReceivers(t *testing.T) {
	cfg := coreConfig(t)
	for range 20 {
		r, err := intentra.BusyRead(loopback.Context(t), cfg)
		require.NoError(t, err)
		require.Equal(t, intentra.Realtime, r.Intent)
	}
}
