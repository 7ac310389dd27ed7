package intentra_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

// A forgotten peer disappears from all tables, and no other peer does. Only peers
// that know this side by Config.Key are found by their key.
func TestForgottenPeerLeavesAllTables(t *testing.T) {
	ctx := loopback.Context(t)
	l, d := loopback.Listen(t, intentra.Config{}), loopback.Listen(t, intentra.Config{})
	own, err := d.Dial(ctx, l.LocalAddr().String(), l.PublicKey())
	require.NoError(t, err)
	var peers []*intentra.Peer
	for range 3 {
		p, err := d.DialAs(ctx, loopback.Key(t), l.LocalAddr().String(), l.PublicKey())
		require.NoError(t, err)
		peers = append(peers, p)
	}
	check := func(known ...*intentra.Peer) {
		t.Helper()
		require.True(t, slices.Equal(known, d.KnownPeers()))
		require.True(t, slices.Equal(known, d.Peers()))
		found, ok := d.Peer(l.PublicKey())
		require.True(t, ok)
		require.Same(t, own, found)
	}
	check(own, peers[0], peers[1], peers[2])
	require.NoError(t, peers[0].Close())
	d.ForgetNow(peers[0])
	check(own, peers[1], peers[2])
}
