package intentra_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/wire"
)

// requireEnded waits for Done and checks that Err, Send and Receive agree on the reason.
func requireEnded(t *testing.T, ctx context.Context, p *intentra.Peer, reason intentra.CloseReason) {
	t.Helper()
	loopback.Next(t, ctx, p.Done())
	var closed *intentra.ClosedError
	require.ErrorAs(t, p.Err(), &closed)
	require.Equal(t, reason, closed.Reason)
	require.ErrorIs(t, p.Err(), net.ErrClosed)
	require.ErrorContains(t, p.Err(), reason.String())
	require.Equal(t, p.Err(), p.Send(loopback.Reliable("x")).Err)
	require.Equal(t, p.Err(), p.SendWait(ctx, loopback.Reliable("x")))
	_, err := p.Receive(ctx)
	require.Equal(t, p.Err(), err)
}

// A session that either side ends on purpose is over on both sides, and all methods
// say so in the same way.
func TestDoneAfterTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		end    func(d *intentra.Transport, p, theirs *intentra.Peer)
		reason intentra.CloseReason
	}{
		"dialer closes":    {func(_ *intentra.Transport, p, _ *intentra.Peer) { _ = p.Close() }, wire.CloseNormal},
		"listener closes":  {func(_ *intentra.Transport, _, theirs *intentra.Peer) { _ = theirs.Close() }, wire.CloseNormal},
		"listener revokes": {func(d *intentra.Transport, _, theirs *intentra.Peer) { theirs.Transport().Revoke(d.PublicKey()) }, wire.CloseRevoked},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := loopback.Context(t)
			onPeer, events := loopback.Events()
			l, d := loopback.Listen(t, intentra.Config{OnPeer: onPeer}), loopback.Listen(t, intentra.Config{})
			p, err := d.Dial(ctx, l.LocalAddr().String(), l.PublicKey())
			require.NoError(t, err)
			theirs := loopback.Next(t, ctx, events).Peer
			before := p.Done()
			for _, peer := range []*intentra.Peer{p, theirs} {
				require.NoError(t, peer.Err())
				select {
				case <-peer.Done():
					require.Fail(t, "the peer is connected")
				default:
				}
			}
			c.end(d, p, theirs)
			loopback.Next(t, ctx, before)
			requireEnded(t, ctx, p, c.reason)
			requireEnded(t, ctx, theirs, c.reason)
		})
	}
}

// Once Err has an error, nothing is queued any more, even if the core has not closed the peer yet.
func TestNothingIsQueuedAfterTheEnd(t *testing.T) {
	ctx := loopback.Context(t)
	p := loopback.Dial(t, loopback.Listen(t, intentra.Config{}), intentra.Config{})
	p.EndFirst(wire.CloseNormal)
	loopback.Next(t, ctx, p.Done())
	require.Error(t, p.Err())
	require.Equal(t, intentra.SendResult{Status: intentra.Dropped, Err: p.Err()}, p.Send(loopback.Reliable("x")))
	require.Equal(t, p.Err(), p.SendWait(ctx, loopback.Reliable("x")))
	require.EqualValues(t, 2, loopback.Count(t, p.Transport().Stats().SendDrops, "closed"))
}

// A peer that may come back is not over until it is forgotten, or until the transport
// is closed.
func TestDoneOfAPeerThatMayComeBack(t *testing.T) {
	ctx := loopback.Context(t)
	onPeer, events := loopback.Events()
	l := loopback.Listen(t, intentra.Config{OnPeer: onPeer})
	p := loopback.Dial(t, l, intentra.Config{})
	theirs := loopback.Next(t, ctx, events).Peer
	require.NoError(t, p.Close()) // and its transport, which a restarted process replaces
	loopback.Next(t, ctx, p.Done())
	require.ErrorIs(t, p.Err(), net.ErrClosed)
	require.Equal(t, intentra.PeerDown, loopback.Next(t, ctx, events).Kind)
	require.NoError(t, theirs.Err())
	require.ErrorIs(t, theirs.Send(loopback.Reliable("x")).Err, intentra.ErrNotConnected)
	done := theirs.Done()
	select {
	case <-done:
		require.Fail(t, "the peer may come back")
	default:
	}
	l.ForgetNow(theirs)
	requireEnded(t, ctx, theirs, wire.CloseShutdown)
	loopback.Next(t, ctx, done)
}

// A revoked peer that is allowed again comes back with a new Dial, as the same Peer.
func TestRevokedPeerComesBackByDial(t *testing.T) {
	t.Parallel() // waits for attemptTime
	ctx := loopback.Context(t)
	var refuse atomic.Bool
	l := loopback.Listen(t, intentra.Config{Authorize: func(context.Context, intentra.Handshake) bool { return !refuse.Load() }})
	d := loopback.Listen(t, intentra.Config{HandshakeTimeout: attemptTime})
	p, err := d.Dial(ctx, l.LocalAddr().String(), l.PublicKey())
	require.NoError(t, err)
	refuse.Store(true)
	l.Revoke(d.PublicKey())
	done := p.Done()
	requireEnded(t, ctx, p, wire.CloseRevoked)
	_, err = d.Dial(ctx, l.LocalAddr().String(), l.PublicKey())
	require.ErrorIs(t, err, intentra.ErrNotConfirmed)
	requireEnded(t, ctx, p, wire.CloseHandshake)

	refuse.Store(false)
	again, err := d.Dial(ctx, l.LocalAddr().String(), l.PublicKey())
	require.NoError(t, err)
	require.Same(t, p, again)
	require.NoError(t, p.Err())
	require.NotEqual(t, done, p.Done(), "another channel")
	require.NoError(t, p.SendWait(ctx, loopback.Reliable("back")))
	got := loopback.Receive(t, ctx, l)
	require.Equal(t, "back", string(got.Payload))
	require.NoError(t, got.Peer.Err())
	require.NoError(t, got.Peer.SendWait(ctx, loopback.Reliable("welcome")))
	m, err := p.Receive(ctx)
	require.NoError(t, err)
	require.Equal(t, "welcome", string(m.Payload))
}
