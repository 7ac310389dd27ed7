package noise

import (
	"math"
	"testing"

	flynn "github.com/flynn/noise"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

func TestAppendNonce(t *testing.T) {
	for _, c := range []struct {
		suite   wire.Suite
		counter uint64
		want    []byte
	}{
		{wire.AESGCM, 0, make([]byte, 12)},
		{wire.ChaChaPoly, 0, make([]byte, 12)},
		{wire.AESGCM, 0x0102030405060708, []byte{0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}},
		{wire.ChaChaPoly, 0x0102030405060708, []byte{0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1}},
		{wire.AESGCM, math.MaxUint64 - 1, []byte{0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 254}},
		{wire.ChaChaPoly, math.MaxUint64 - 1, []byte{0, 0, 0, 0, 254, 255, 255, 255, 255, 255, 255, 255}},
	} {
		require.Equal(t, c.want, AppendNonce(nil, c.suite, c.counter))
		require.Equal(t, append([]byte("x"), c.want...), AppendNonce([]byte("x"), c.suite, c.counter))
	}
}

func TestAppendNonceDoesNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 12)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		buf = AppendNonce(buf[:0], wire.AESGCM, 1)
		buf = AppendNonce(buf[:0], wire.ChaChaPoly, 1)
	}))
}

func TestNewAEADUnknownSuite(t *testing.T) {
	for _, suite := range []wire.Suite{0, 3, 255} {
		_, err := NewAEAD(suite, [KeySize]byte{1})
		require.ErrorIs(t, err, ErrSuite)
	}
}

// NewAEAD and AppendNonce together encrypt as flynn's transport ciphers do.
func TestTransportEqualsFlynn(t *testing.T) {
	r := newRand(t)
	for suite, f := range map[wire.Suite]flynn.CipherFunc{wire.AESGCM: flynn.CipherAESGCM, wire.ChaChaPoly: flynn.CipherChaChaPoly} {
		for range 50 {
			key, n, ad, msg := r.key(), r.Uint64(), r.bytes(r.IntN(30)), r.bytes(r.IntN(100))
			aead, err := NewAEAD(suite, key)
			require.NoError(t, err)
			require.Equal(t, wire.TagSize, aead.Overhead())
			want := f.Cipher(key).Encrypt(nil, n, ad, msg)
			require.Equal(t, want, aead.Seal(nil, AppendNonce(nil, suite, n), msg, ad))
		}
	}
}
