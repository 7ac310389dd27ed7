package intentra_test

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/wire"
)

// On both sides the event of a peer comes before its first message.
func TestPeerIsUpBeforeItsFirstMessage(t *testing.T) {
	ctx := loopback.Context(t)
	for range 20 {
		type step struct{ side, what string }
		order := make(chan step, 16)
		watch := func(side string) intentra.Config {
			return intentra.Config{
				OnPeer: func(e intentra.PeerEvent) {
					order <- step{side, "up"}
					// In the callback the peer is connected already.
					if r := e.Peer.Send(loopback.Realtime("hello")); r.Err != nil || !e.Peer.Connected() {
						order <- step{side, "not connected"}
					}
				},
				Handler: func(intentra.Received) { order <- step{side, "message"} },
			}
		}
		l := loopback.Listen(t, watch("listener"))
		p := loopback.Dial(t, l, watch("dialer"))
		seen := map[string]string{}
		for range 4 {
			s := loopback.Next(t, ctx, order)
			if s.what == "message" {
				require.Equal(t, "up", seen[s.side], s.side)
			}
			seen[s.side] = s.what
		}
		require.Equal(t, map[string]string{"listener": "message", "dialer": "message"}, seen)
		require.NoError(t, p.Close())
		require.NoError(t, l.Close())
	}
}

func TestPeerEventsCarryTheReason(t *testing.T) {
	for name, c := range map[string]struct {
		end          func(l *intentra.Transport, p, theirs *intentra.Peer)
		here, there  string // the reasons that the listener and the dialer see
		reconnecting bool
		ends         bool // the dialer's transport ends too
	}{
		"listener closes the peer": {func(_ *intentra.Transport, _, theirs *intentra.Peer) { _ = theirs.Close() }, "closed", "closed", false, false},
		"listener gives a reason":  {func(_ *intentra.Transport, _, theirs *intentra.Peer) { _ = theirs.CloseWith(6) }, "slow", "slow", true, false},
		"listener closes":          {func(l *intentra.Transport, _, _ *intentra.Peer) { _ = l.Close() }, "shutdown", "shutdown", true, false},
		"listener revokes":         {func(l *intentra.Transport, _, theirs *intentra.Peer) { l.Revoke(theirs.Key()) }, "revoked", "revoked", false, false},
		"dialer closes":            {func(_ *intentra.Transport, p, _ *intentra.Peer) { _ = p.Close() }, "shutdown", "shutdown", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := loopback.Context(t)
			here, listener := loopback.Events()
			there, dialer := loopback.Events()
			var refuse atomic.Bool
			l := loopback.Listen(t, intentra.Config{OnPeer: here, Authorize: func(context.Context, intentra.Handshake) bool { return !refuse.Load() }})
			p := loopback.Dial(t, l, intentra.Config{OnPeer: there})
			up := loopback.Next(t, ctx, listener)
			require.Equal(t, intentra.PeerUp, up.Kind)
			require.Zero(t, up.Reason)
			require.Equal(t, p.Transport().PublicKey(), up.Peer.Key())
			require.Equal(t, intentra.PeerUp, loopback.Next(t, ctx, dialer).Kind)

			refuse.Store(true)
			c.end(l, p, up.Peer)
			down := loopback.Next(t, ctx, listener)
			require.Equal(t, intentra.PeerEvent{Peer: up.Peer, Kind: intentra.PeerDown, Session: 1, Reason: down.Reason}, down)
			require.Equal(t, c.here, down.Reason.String())
			require.False(t, up.Peer.Connected())
			down = loopback.Next(t, ctx, dialer)
			require.Equal(t, c.there, down.Reason.String())
			require.Equal(t, c.reconnecting, down.Reconnecting)
			require.Same(t, p, down.Peer)
			require.False(t, p.Connected())
			loopback.Eventually(t, ctx, "the close is counted", func() bool {
				return loopback.Count(t, l.Stats().Closes, c.here) == 1 && loopback.Count(t, p.Transport().Stats().Closes, c.there) == 1
			})
		})
	}
}

// A revoked peer is disconnected at once and cannot connect again; others stay
// connected.
func TestRevoke(t *testing.T) {
	ctx := loopback.Context(t)
	key := loopback.Key(t)
	var revoked atomic.Bool
	here, listener := loopback.Events()
	l := loopback.Listen(t, intentra.Config{OnPeer: here, Authorize: func(_ context.Context, h intentra.Handshake) bool {
		return h.Key != key.Public() || !revoked.Load()
	}})
	other := loopback.Dial(t, l, intentra.Config{})
	loopback.Next(t, ctx, listener)
	there, dialer := loopback.Events()
	p := loopback.Dial(t, l, intentra.Config{Key: key, OnPeer: there})
	require.Equal(t, intentra.PeerUp, loopback.Next(t, ctx, dialer).Kind)

	revoked.Store(true)
	l.Revoke(key.Public())
	down := loopback.Next(t, ctx, dialer)
	require.False(t, down.Reconnecting)
	requireEnded(t, ctx, p, wire.CloseRevoked)
	loopback.Dial(t, l, intentra.Config{}) // other keys may still connect
	refuseKey(t, ctx, l, key)

	require.NoError(t, other.SendWait(ctx, loopback.Reliable("still here")))
	require.Equal(t, "still here", string(loopback.Receive(t, ctx, l).Payload))
	l.Revoke(loopback.Key(t).Public()) // an unknown key is ignored
}

func TestPeersAndPeer(t *testing.T) {
	ctx := loopback.Context(t)
	onPeer, events := loopback.Events()
	l := loopback.Listen(t, intentra.Config{OnPeer: onPeer})
	require.Empty(t, l.Peers())
	_, known := l.Peer(loopback.Key(t).Public())
	require.False(t, known)

	var dialled, order []*intentra.Peer
	for range 4 {
		p := loopback.Dial(t, l, intentra.Config{})
		dialled = append(dialled, p)
		e := loopback.Next(t, ctx, events)
		order = append(order, e.Peer)
		require.Equal(t, order, l.Peers(), "they must be in the order in which they connected")
		got, known := l.Peer(p.Transport().PublicKey())
		require.True(t, known)
		require.Same(t, e.Peer, got)
		require.Same(t, l, got.Transport())
		require.Equal(t, p.Transport().LocalAddr().Port(), got.Addr().Port())
		require.Equal(t, []*intentra.Peer{p}, p.Transport().Peers())
		require.Equal(t, l.LocalAddr(), p.Addr())
		require.Equal(t, l.PublicKey(), p.Key())
	}
	snapshot := l.Peers()
	snapshot[0] = nil
	require.Equal(t, order, l.Peers(), "the slice belongs to the caller")

	require.NoError(t, dialled[1].Close())
	require.Same(t, order[1], loopback.Next(t, ctx, events).Peer)
	require.Equal(t, []*intentra.Peer{order[0], order[2], order[3]}, l.Peers())
	got, known := l.Peer(order[1].Key())
	require.True(t, known, "it was connected recently")
	require.False(t, got.Connected())
	require.NotEqual(t, netip.AddrPort{}, got.Addr(), "the last address")
}
