package intentra_test

import (
	"context"
	"flag"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/udp"
)

var crowd = flag.Int("crowd", 270, "dialers of TestCrowdFromOneAddress; more than a batch of datagrams")

// Many peers behind one address, as behind a gateway, connect with the default
// limits, and each gets an event when the listener shuts down.
func TestCrowdFromOneAddress(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*loopback.Timeout)
	defer cancel()
	n := *crowd
	if race.Enabled {
		// Ten times slower, a crowd that size keeps a busy machine for so long that dialers begin
		// another handshake, whose session replaces that of the first.
		n = min(n, 100)
	}
	// Default limits, but enough time for a slow machine.
	l := loopback.Listen(t, intentra.Config{HandshakeTimeout: loopback.Timeout / 2})
	onPeer, events := loopback.Events()
	peers := make(chan *intentra.Peer, n)
	var wg sync.WaitGroup
	began := time.Now()
	for range n {
		cfg := intentra.Config{Key: loopback.Key(t), OnPeer: onPeer, Socket: loopback.Patient(udp.Config{Batch: 8}), HandshakeTimeout: loopback.Timeout / 2, RetryDial: true}
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
	t.Logf("%d dials took %v; %d had to wait", n, time.Since(began), loopback.Count(t, l.Stats().Handshakes, "waiting"))
	require.Len(t, peers, n)
	var dialers []*intentra.Peer
	for p := range peers {
		dialers = append(dialers, p)
		t.Cleanup(func() { _ = p.Close() })
	}
	// More than n, if a dialer had begun another one before the first was answered.
	loopback.Eventually(t, ctx, "all handshakes are counted", func() bool { return loopback.Count(t, l.Stats().Handshakes, "accepted") >= uint64(n) })
	s := l.Stats()
	require.Equal(t, n, s.Sessions)
	require.Equal(t, n, s.Peers)
	require.Len(t, l.Peers(), n)
	loopback.Eventually(t, ctx, "no handshake is in flight", func() bool { return l.Stats().HandshakesInFlight == 0 })
	require.Equal(t, intentra.BroadcastResult{Queued: n}, l.Broadcast(loopback.Reliable("all")))

	// A dialer whose session was replaced notices it, connects again and gets the message then.
	for _, p := range dialers {
		m, err := p.Receive(ctx)
		require.NoError(t, err)
		require.Equal(t, "all", string(m.Payload))
	}
	require.NoError(t, l.Shutdown(ctx))
	ups, ends := 0, make(map[*intentra.Peer]bool)
	for len(ends) < n {
		switch e := loopback.Next(t, ctx, events); {
		case e.Kind == intentra.PeerUp:
			ups++
		case e.Reason.String() == "shutdown":
			require.False(t, ends[e.Peer])
			ends[e.Peer] = true
		}
	}
	require.GreaterOrEqual(t, ups, n)
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
