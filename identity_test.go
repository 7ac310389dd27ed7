package intentra_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/wire"
)

// Several identities share one socket. The listener sees each as a peer of its own,
// and each receives only its own messages.
func TestDialAs(t *testing.T) {
	ctx := loopback.Context(t)
	key, addr := loopback.Key(t), loopback.Address().String()
	l := loopback.ListenOn(t, addr, intentra.Config{Key: key})
	onPeer, events := loopback.Events()
	g := loopback.Listen(t, loopback.QuickDetection(intentra.Config{OnPeer: onPeer}))

	identities := []intentra.PrivateKey{loopback.Key(t), loopback.Key(t), loopback.Key(t)}
	var peers []*intentra.Peer
	for _, id := range identities {
		p, err := g.DialAs(ctx, id, l.LocalAddr().String(), key.Public())
		require.NoError(t, err)
		require.Equal(t, id.Public(), p.Identity())
		require.Equal(t, key.Public(), p.Key())
		require.Same(t, p, loopback.Next(t, ctx, events).Peer)
		peers = append(peers, p)
	}
	own, err := g.Dial(ctx, l.LocalAddr().String(), key.Public())
	require.NoError(t, err)
	require.Same(t, own, loopback.Next(t, ctx, events).Peer)
	require.Equal(t, g.PublicKey(), own.Identity())
	require.True(t, slices.Equal(append(peers, own), g.Peers()))
	found, ok := g.Peer(key.Public())
	require.True(t, ok)
	require.Same(t, own, found, "Peer returns the peer of the transport's own identity")
	again, err := g.DialAs(ctx, identities[1], l.LocalAddr().String(), key.Public())
	require.NoError(t, err)
	require.Same(t, peers[1], again)

	checkSeparate := func(which ...int) {
		t.Helper()
		for _, i := range which {
			require.NoError(t, peers[i].SendWait(ctx, loopback.Reliable(fmt.Sprint("from ", i))))
			got := loopback.Receive(t, ctx, l)
			require.Equal(t, fmt.Sprint("from ", i), string(got.Payload))
			require.Equal(t, identities[i].Public(), got.Peer.Key())
			require.Equal(t, l.PublicKey(), got.Peer.Identity())
			require.Equal(t, g.LocalAddr().Port(), got.Peer.Addr().Port())
			require.NoError(t, got.Peer.SendWait(ctx, loopback.Reliable(fmt.Sprint("to ", i))))
			got = loopback.Receive(t, ctx, g)
			require.Equal(t, fmt.Sprint("to ", i), string(got.Payload))
			require.Same(t, peers[i], got.Peer)
		}
	}
	checkSeparate(0, 1, 2)
	require.Equal(t, intentra.BroadcastResult{Queued: 4}, g.Broadcast(loopback.Reliable("to all, from all")))
	from := map[intentra.PublicKey]bool{}
	for range 4 {
		from[loopback.Receive(t, ctx, l).Peer.Key()] = true
	}
	require.Len(t, from, 4)

	require.NoError(t, peers[1].Close())
	require.Same(t, peers[1], loopback.Next(t, ctx, events).Peer)
	requireEnded(t, ctx, peers[1], wire.CloseNormal)
	require.Len(t, g.Peers(), 3)
	checkSeparate(0, 2)

	// After a restart of the listener all identities reconnect.
	require.NoError(t, l.Close())
	for range 3 {
		require.True(t, loopback.Next(t, ctx, events).Reconnecting)
	}
	l = loopback.ListenOn(t, addr, intentra.Config{Key: key})
	for range 3 {
		require.Equal(t, intentra.PeerRestarted, loopback.Next(t, ctx, events).Kind)
	}
	checkSeparate(0, 2)
	require.Len(t, g.Peers(), 3)
}

func TestDialAsRefuses(t *testing.T) {
	ctx := loopback.Context(t)
	l, g := loopback.Listen(t, intentra.Config{}), loopback.Listen(t, intentra.Config{})
	id := loopback.Key(t)
	for name, c := range map[string]struct {
		identity intentra.PrivateKey
		key      intentra.PublicKey
	}{
		"no identity":          {key: l.PublicKey()},
		"no key":               {identity: id},
		"the identity's own":   {id, id.Public()},
		"neither":              {},
		"no identity, our own": {key: g.PublicKey()},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := g.DialAs(ctx, c.identity, l.LocalAddr().String(), c.key)
			require.ErrorIs(t, err, intentra.ErrKey)
		})
	}
	_, err := g.DialAs(ctx, id, "no port", l.PublicKey())
	require.Error(t, err)
	require.Empty(t, g.Peers())
	require.Zero(t, g.Stats().Peers)

	// A transport may dial itself with another identity.
	p, err := g.DialAs(ctx, id, g.LocalAddr().String(), g.PublicKey())
	require.NoError(t, err)
	require.NoError(t, p.SendWait(ctx, loopback.Reliable("to myself")))
	require.Equal(t, id.Public(), loopback.Receive(t, ctx, g).Peer.Key())
}

// An identity that the listener does not allow is refused, and the others stay
// connected.
func TestDialAsUnauthorized(t *testing.T) {
	ctx := loopback.Context(t)
	good, bad := loopback.Key(t), loopback.Key(t)
	l := loopback.Listen(t, intentra.Config{Authorize: func(_ context.Context, h intentra.Handshake) bool { return h.Key == good.Public() }})
	g := loopback.Listen(t, intentra.Config{})
	p, err := g.DialAs(ctx, good, l.LocalAddr().String(), l.PublicKey())
	require.NoError(t, err)
	refuse(t, ctx, l, "refused", func(ctx context.Context) error {
		_, err := g.DialAs(ctx, bad, l.LocalAddr().String(), l.PublicKey())
		return err
	})
	require.True(t, slices.Equal([]*intentra.Peer{p}, g.Peers()))
	require.NoError(t, p.SendWait(ctx, loopback.Reliable("still connected")))
	require.Equal(t, good.Public(), loopback.Receive(t, ctx, l).Peer.Key())

	// Revoke affects peers that have connected to this side, not those it has dialled.
	g.Revoke(l.PublicKey())
	require.NoError(t, p.SendWait(ctx, loopback.Reliable("not revoked")))
	loopback.Receive(t, ctx, l)
	l.Revoke(good.Public())
	loopback.Eventually(t, ctx, "revoked", func() bool { return !p.Connected() })
}

// No form of printing a peer shows the private key of its identity.
func TestPrintedPeerHidesItsIdentity(t *testing.T) {
	l, g := loopback.Listen(t, intentra.Config{}), loopback.Listen(t, intentra.Config{})
	id := loopback.Key(t)
	p, err := g.DialAs(loopback.Context(t), id, l.LocalAddr().String(), l.PublicKey())
	require.NoError(t, err)
	require.NoError(t, g.Close()) // so that the loop does not write while fmt reads
	secrets := []string{
		fmt.Sprintf("%x", id[:]), fmt.Sprintf("%X", id[:]), fmt.Sprint(id[:])[1:40], fmt.Sprintf("%#v", id[:])[8:60],
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%d"} {
		for _, v := range []any{p, g, p.Stats()} {
			out := fmt.Sprintf(format, v)
			for _, secret := range secrets {
				require.NotContains(t, out, secret)
			}
		}
	}
}
