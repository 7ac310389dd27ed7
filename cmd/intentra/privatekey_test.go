package main

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// canBePublic is true for every public key and for few private keys.
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
		require.True(t, canBePublic(public), "%x", k[:])
		if !canBePublic(intentra.PublicKey(k)) {
			found++
		}
		public[31] |= 0x80
		require.False(t, canBePublic(public), "no public key has this bit, because X25519 ignores it")
	}
	require.Greater(t, found, n*8/10, "31 of 32 are expected")

	// Points of small order, and one with a non-canonical encoding.
	require.False(t, canBePublic(intentra.PublicKey{}))
	require.False(t, canBePublic(intentra.PublicKey{1}))
	require.True(t, canBePublic(intentra.PublicKey{9}), "the base point")
	nine := intentra.PublicKey{0xf6} // 2^255 - 19 + 9
	for i := 1; i < len(nine); i++ {
		nine[i] = 0xff
	}
	nine[31] = 0x7f
	require.False(t, canBePublic(nine))
}

func TestHoldsPrivateKey(t *testing.T) {
	own := intentra.PrivateKey{1: 7}
	public := own.Public().String()
	private := intentra.PublicKey(own).String()
	other := intentra.PublicKey{31: 0x80}.String()
	for text, want := range map[string]bool{
		"": false, public: false, public + " name": false, private: true, private + " name": true, public + "\n" + private: true,
		other: true, other + " name": false, other + "\n" + public: false,
	} {
		list, err := intentra.ParseAllowList(strings.NewReader(text))
		require.NoError(t, err)
		require.Equal(t, want, holdsPrivateKey(list, own), text)
	}
}
