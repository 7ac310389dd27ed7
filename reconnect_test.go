package intentra_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

// Dialers reconnect to a listener that restarts on its port, and send the messages
// that have waited for it.
func TestDialerReconnectsToARestartedListener(t *testing.T) {
	ctx := loopback.Context(t)
	key, addr := loopback.Key(t), loopback.Address().String()
	l := loopback.ListenOn(t, addr, intentra.Config{Key: key})
	onPeer, events := loopback.Events()
	p := loopback.Dial(t, l, loopback.QuickDetection(intentra.Config{OnPeer: onPeer}))
	require.Equal(t, intentra.PeerUp, loopback.Next(t, ctx, events).Kind)
	for round := range 3 {
		require.NoError(t, l.Close())
		down := loopback.Next(t, ctx, events)
		require.Equal(t, intentra.PeerDown, down.Kind)
		require.True(t, down.Reconnecting)
		require.Equal(t, intentra.Queued, p.Send(loopback.Reliable(fmt.Sprint("kept ", round))).Status)

		l = loopback.ListenOn(t, addr, intentra.Config{Key: key})
		up := loopback.Next(t, ctx, events)
		require.Equal(t, intentra.PeerRestarted, up.Kind)
		require.Same(t, p, up.Peer)
		require.Equal(t, fmt.Sprint("kept ", round), string(loopback.Receive(t, ctx, l).Payload))
	}
	loopback.Eventually(t, ctx, "they are counted", func() bool {
		return loopback.Count(t, p.Transport().Stats().Handshakes, "dialed") >= 4
	})
}

// A dialer reconnects after the listener has been unreachable for a while.
func TestDialerReconnectsAfterSilence(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{})
	r := loopback.NewNAT(t, l.LocalAddr())
	onPeer, events := loopback.Events()
	cfg := loopback.QuickDetection(intentra.Config{OnPeer: onPeer})
	cfg.HandshakeTimeout = cfg.Unanswered
	p := loopback.DialAddr(t, r.Addr(), l.PublicKey(), cfg)
	require.Equal(t, intentra.PeerUp, loopback.Next(t, ctx, events).Kind)
	r.Block(true)
	require.Equal(t, intentra.Queued, p.Send(loopback.Reliable("into the silence")).Status)
	down := loopback.Next(t, ctx, events)
	require.Equal(t, "unanswered", down.Reason.String())
	require.True(t, down.Reconnecting)
	require.Equal(t, intentra.Queued, p.Send(loopback.Reliable("and after")).Status)
	r.Block(false)
	require.Equal(t, intentra.PeerUp, loopback.Next(t, ctx, events).Kind)
	require.Equal(t, "into the silence", string(loopback.Receive(t, ctx, l).Payload))
	require.Equal(t, "and after", string(loopback.Receive(t, ctx, l).Payload))
	loopback.Eventually(t, ctx, "the old session is gone at the listener, too", func() bool { return l.Stats().Sessions == 1 })
	require.Positive(t, l.Stats().Takeovers)
}

// A dialer that restarts with its key is the same peer, with a new session.
func TestRestartedDialerReplacesItself(t *testing.T) {
	ctx := loopback.Context(t)
	key := loopback.Key(t)
	onPeer, events := loopback.Events()
	l := loopback.Listen(t, intentra.Config{OnPeer: onPeer})
	r := loopback.NewNAT(t, l.LocalAddr())
	old := loopback.DialAddr(t, r.Addr(), l.PublicKey(), intentra.Config{Key: key})
	theirs := loopback.Next(t, ctx, events).Peer
	r.Block(true) // as if the process had died

	p := loopback.Dial(t, l, intentra.Config{Key: key})
	require.NoError(t, p.SendWait(ctx, loopback.Reliable("again")))
	got := loopback.Receive(t, ctx, l)
	require.Same(t, theirs, got.Peer, "a peer is an identity, not a connection")
	require.Len(t, l.Peers(), 1)
	loopback.Eventually(t, ctx, "the address follows", func() bool {
		return theirs.Addr().Port() == p.Transport().LocalAddr().Port()
	})
	s := l.Stats()
	require.EqualValues(t, 1, s.Takeovers)
	require.EqualValues(t, 1, loopback.Count(t, s.Closes, "replaced"))
	require.Equal(t, 1, s.Sessions)
	require.NoError(t, theirs.SendWait(ctx, loopback.Reliable("to the new one")))
	m, err := p.Receive(ctx)
	require.NoError(t, err)
	require.Equal(t, "to the new one", string(m.Payload))
	require.NoError(t, old.Close())
}

// While the keys of a session change many times, the peer stays connected, and no
// message is lost, delivered twice or out of order.
func TestRekeyUnderLoad(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{})
	p := loopback.Dial(t, l, intentra.Config{RekeyAfterPackets: 100})
	const n = 5000
	payload := func(i int) string { return fmt.Sprintf("%-900d", i) } // one message per packet
	sent := make(chan error, 1)
	go func() {
		for i := range n {
			if err := p.SendWait(ctx, loopback.Reliable(payload(i))); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for i := range n {
		require.Equal(t, payload(i), string(loopback.Receive(t, ctx, l).Payload))
	}
	require.NoError(t, loopback.Next(t, ctx, sent))
	loopback.Eventually(t, ctx, "rekeys", func() bool {
		return p.Transport().Stats().Rekeys > 0 && l.Stats().Rekeys > 0 && p.Stats().Rekeys > 0
	})
	require.EqualValues(t, 1, loopback.Count(t, p.Transport().Stats().Handshakes, "dialed"))
	require.Zero(t, l.Stats().Strikes)
}
