package intentra_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/udp"
)

// Many peers behind one address, as behind a gateway, connect with the default
// limits, and each gets an event when the listener shuts down.
func TestCrowdFromOneAddress(t *testing.T) {
	ctx := loopback.Context(t)
	const n = 270 // more than a batch of datagrams
	// Default limits, but enough time for a slow machine.
	l := loopback.Listen(t, intentra.Config{HandshakeTimeout: loopback.Timeout / 2})
	onPeer, events := loopback.Events()
	peers := make(chan *intentra.Peer, n)
	var wg sync.WaitGroup
	for range n {
		cfg := intentra.Config{Key: loopback.Key(t), OnPeer: onPeer, Socket: udp.Config{Batch: 8}, HandshakeTimeout: loopback.Timeout / 2}
		wg.Go(func() {
			p, err := intentra.Dial(ctx, l.LocalAddr().String(), l.PublicKey(), cfg)
			if err != nil {
				t.Error(err)
				return
			}
			peers <- p
		})
	}
	wg.Wait()
	close(peers)
	t.Cleanup(func() {
		for p := range peers {
			_ = p.Close()
		}
	})
	require.Len(t, peers, n)
	loopback.Eventually(t, ctx, "all handshakes are counted", func() bool { return loopback.Count(t, l.Stats().Handshakes, "accepted") == n })
	s := l.Stats()
	require.Equal(t, n, s.Sessions)
	require.Equal(t, n, s.Peers)
	require.Len(t, l.Peers(), n)
	require.Zero(t, s.HandshakesInFlight)
	require.Equal(t, intentra.BroadcastResult{Queued: n}, l.Broadcast(loopback.Reliable("all")))

	for range n {
		require.Equal(t, intentra.PeerUp, loopback.Next(t, ctx, events).Kind)
	}
	require.NoError(t, l.Shutdown(ctx))
	for range n {
		e := loopback.Next(t, ctx, events)
		require.Equal(t, intentra.PeerDown, e.Kind)
		require.Equal(t, "shutdown", e.Reason.String())
	}
}

// Two transports that dial each other at the same time end up with one session,
// which works in both directions.
func TestSimultaneousDialsConverge(t *testing.T) {
	ctx := loopback.Context(t)
	for range 15 {
		a, b := loopback.Listen(t, intentra.Config{}), loopback.Listen(t, intentra.Config{})
		dialled := make(chan error, 2)
		for _, pair := range [][2]*intentra.Transport{{a, b}, {b, a}} {
			go func() {
				_, err := pair[0].Dial(ctx, pair[1].LocalAddr().String(), pair[1].PublicKey())
				dialled <- err
			}()
		}
		require.NoError(t, loopback.Next(t, ctx, dialled))
		require.NoError(t, loopback.Next(t, ctx, dialled))
		loopback.Eventually(t, ctx, "one session", func() bool {
			return a.Stats().Sessions == 1 && b.Stats().Sessions == 1
		})
		for _, pair := range [][2]*intentra.Transport{{a, b}, {b, a}} {
			require.Len(t, pair[0].Peers(), 1)
			p, known := pair[0].Peer(pair[1].PublicKey())
			require.True(t, known)
			require.NoError(t, p.SendWait(ctx, loopback.Reliable("hello")))
			require.Equal(t, "hello", string(loopback.Receive(t, ctx, pair[1]).Payload))
		}
		require.NoError(t, a.Close())
		require.NoError(t, b.Close())
	}
}
