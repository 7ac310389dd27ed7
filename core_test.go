package intentra_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/stages/ratelimit"
)

// Core has the defaults, and none of the fields that belong to the driver.
func TestConfigCore(t *testing.T) {
	key := loopback.Key(t)
	c, err := intentra.Config{Key: key, Strikes: 3, ReplayWindow: 64, HandshakeRate: 2}.Core()
	require.NoError(t, err)
	require.EqualValues(t, key.Public(), c.Identity.Public())
	require.Equal(t, 3, c.Strikes)
	require.Equal(t, 64, c.ReplayWindow)
	require.Equal(t, 2, c.HandshakeRate)
	require.Equal(t, 1, c.HandshakeBurst)
	require.EqualValues(t, ratelimit.DefaultAddressRate, c.Chains.RateLimit.AddressRate)
	require.Equal(t, intentra.DefaultIdleTimeout, c.IdleTimeout)
	require.EqualValues(t, intentra.DefaultPeerRate, c.PeerRate)
	require.Equal(t, intentra.DefaultReliableQueueBytes, c.ReliableQueueBytes)
	require.NotNil(t, c.Logger)
	require.Nil(t, c.Authorize)
	require.Nil(t, c.Rand)

	c, err = intentra.Config{Key: key, Authorize: func(_ context.Context, h intentra.Handshake) bool { return h.Key[0] == 1 }}.Core()
	require.NoError(t, err)
	require.True(t, c.Authorize(t.Context(), conn.Handshake{Key: [32]byte{1}}))
	require.False(t, c.Authorize(t.Context(), conn.Handshake{Key: [32]byte{2}}))

	c, err = intentra.Config{Key: key, HandshakeRate: 10_000}.Core()
	require.NoError(t, err)
	require.EqualValues(t, 50_000, c.Chains.RateLimit.AddressRate, "the limit by address must not be lower than the handshake rate")
	require.EqualValues(t, 25_000, c.Chains.RateLimit.AddressBurst)

	for _, bad := range []intentra.Config{{}, {Key: key, Strikes: -1}} {
		_, err = bad.Core()
		require.ErrorIs(t, err, intentra.ErrConfig)
	}
}
