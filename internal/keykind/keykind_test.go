package keykind

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// CanBePublic is true for every public key and for few private keys.
func TestCanBePublic(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var chacha [32]byte
	binary.LittleEndian.PutUint64(chacha[:], seed)
	random := rand.NewChaCha8(chacha)
	found := 0
	const n = 500
	for range n {
		var k intentra.PrivateKey
		_, _ = random.Read(k[:])
		public := k.Public()
		require.True(t, CanBePublic(public), "%x", k[:])
		if !CanBePublic(intentra.PublicKey(k)) {
			found++
		}
		public[31] |= 0x80
		require.False(t, CanBePublic(public), "no public key has this bit, because X25519 ignores it")
	}
	require.Greater(t, found, n*8/10, "31 of 32 are expected")

	// Points of small order, and one with a non-canonical encoding.
	require.False(t, CanBePublic(intentra.PublicKey{}))
	require.False(t, CanBePublic(intentra.PublicKey{1}))
	require.True(t, CanBePublic(intentra.PublicKey{9}), "the base point")
	nine := intentra.PublicKey{0xf6} // 2^255 - 19 + 9
	for i := 1; i < len(nine); i++ {
		nine[i] = 0xff
	}
	nine[31] = 0x7f
	require.False(t, CanBePublic(nine))
}
