package intentra_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// A listener that starts anew on its port has its dialers back by themselves,
// with what they have kept for it.
func TestDialerComesBackToARestartedListener(t *testing.T) {
	ctx := within(t)
	key := newKey(t)
	l := listen(t, intentra.Config{Key: key})
	told, happened := events()
	p := dial(t, l, restless(intentra.Config{OnPeer: told}))
	require.True(t, next(t, ctx, happened).Up)
	for round := range 3 {
		require.NoError(t, l.Close())
		down := next(t, ctx, happened)
		require.False(t, down.Up)
		require.True(t, down.Reconnecting)
		require.Equal(t, intentra.Queued, p.Send(reliable(fmt.Sprint("kept ", round))).Status)

		l = listenOn(t, l.LocalAddr().String(), intentra.Config{Key: key})
		up := next(t, ctx, happened)
		require.True(t, up.Up)
		require.Same(t, p, up.Peer)
		require.Equal(t, fmt.Sprint("kept ", round), string(receive(t, ctx, l).Payload))
	}
	eventually(t, ctx, "they are counted", func() bool {
		return count(t, p.Transport().Stats().Handshakes, "dialed") >= 4
	})
}

// A listener that vanishes without a word, and one that is cut off for a while.
func TestDialerComesBackAfterSilence(t *testing.T) {
	ctx := within(t)
	l := listen(t, intentra.Config{})
	r := newRelay(t, l.LocalAddr())
	told, happened := events()
	cfg := restless(intentra.Config{OnPeer: told})
	cfg.HandshakeTimeout = cfg.Unanswered
	p := dialTo(t, r.addr(), l.PublicKey(), cfg)
	require.True(t, next(t, ctx, happened).Up)
	r.blocked.Store(true)
	require.Equal(t, intentra.Queued, p.Send(reliable("into the silence")).Status)
	down := next(t, ctx, happened)
	require.Equal(t, "unanswered", down.Reason.String())
	require.True(t, down.Reconnecting)
	require.Equal(t, intentra.Queued, p.Send(reliable("and after")).Status)
	r.blocked.Store(false)
	require.True(t, next(t, ctx, happened).Up)
	require.Equal(t, "into the silence", string(receive(t, ctx, l).Payload))
	require.Equal(t, "and after", string(receive(t, ctx, l).Payload))
	eventually(t, ctx, "the old session is gone at the listener, too", func() bool { return l.Stats().Sessions == 1 })
	require.Positive(t, l.Stats().Takeovers)
}

// A dialer that starts anew with its key takes its own place.
func TestRestartedDialerReplacesItself(t *testing.T) {
	ctx := within(t)
	key := newKey(t)
	told, happened := events()
	l := listen(t, intentra.Config{OnPeer: told})
	r := newRelay(t, l.LocalAddr())
	old := dialTo(t, r.addr(), l.PublicKey(), intentra.Config{Key: key})
	theirs := next(t, ctx, happened).Peer
	r.blocked.Store(true) // as if the process had died

	p := dial(t, l, intentra.Config{Key: key})
	require.NoError(t, p.SendWait(ctx, reliable("again")))
	got := receive(t, ctx, l)
	require.Same(t, theirs, got.Peer, "an identity, not a connection")
	require.Len(t, l.Peers(), 1)
	eventually(t, ctx, "the address follows", func() bool {
		return theirs.Addr().Port() == p.Transport().LocalAddr().Port()
	})
	s := l.Stats()
	require.EqualValues(t, 1, s.Takeovers)
	require.EqualValues(t, 1, count(t, s.Closes, "replaced"))
	require.Equal(t, 1, s.Sessions)
	require.NoError(t, theirs.SendWait(ctx, reliable("to the new one")))
	m, err := p.Receive(ctx)
	require.NoError(t, err)
	require.Equal(t, "to the new one", string(m.Payload))
	require.NoError(t, old.Close())
}

// The peer stays connected however often the keys of its session change, and
// nothing is lost, twice there, or out of order.
func TestRekeyUnderLoad(t *testing.T) {
	ctx := within(t)
	l := listen(t, intentra.Config{})
	p := dial(t, l, intentra.Config{RekeyAfterPackets: 100})
	const n = 5000
	payload := func(i int) string { return fmt.Sprintf("%-900d", i) } // one a packet
	sent := make(chan error, 1)
	go func() {
		for i := range n {
			if err := p.SendWait(ctx, reliable(payload(i))); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for i := range n {
		require.Equal(t, payload(i), string(receive(t, ctx, l).Payload))
	}
	require.NoError(t, next(t, ctx, sent))
	eventually(t, ctx, "rekeys", func() bool {
		return p.Transport().Stats().Rekeys > 0 && l.Stats().Rekeys > 0 && p.Stats().Rekeys > 0
	})
	require.EqualValues(t, 1, count(t, p.Transport().Stats().Handshakes, "dialed"))
	require.Zero(t, l.Stats().Strikes)
}
