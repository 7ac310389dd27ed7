package aead

import (
	"encoding/hex"
	"math"
	"testing"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/wire"
	"github.com/stretchr/testify/require"
)

var suites = []wire.Suite{wire.AESGCM, wire.ChaChaPoly}

func TestNonceKnownAnswers(t *testing.T) {
	for _, c := range []struct {
		suite   wire.Suite
		counter uint64
		want    string
	}{
		{wire.AESGCM, 0, "000000000000000000000000"},
		{wire.ChaChaPoly, 0, "000000000000000000000000"},
		{wire.AESGCM, 0x0102030405060708, "000000000102030405060708"},
		{wire.ChaChaPoly, 0x0102030405060708, "000000000807060504030201"},
		{wire.AESGCM, 1, "000000000000000000000001"},
		{wire.ChaChaPoly, 1, "000000000100000000000000"},
	} {
		require.Equal(t, c.want, hex.EncodeToString(nonce(c.suite, c.counter)), "%s, %d", c.suite, c.counter)
	}
}

// The handshake and the packets must use the same nonce format.
func TestNonceIsThatOfTheHandshake(t *testing.T) {
	for _, suite := range suites {
		for _, c := range []uint64{0, 1, 255, 256, 1<<28 - 1, 1 << 32, 1 << 63, math.MaxUint64} {
			require.Equal(t, noise.AppendNonce(nil, suite, c), nonce(suite, c))
		}
	}
}

func nonce(suite wire.Suite, counter uint64) []byte {
	var n [nonceSize]byte
	k := NewKey(suite, nil)
	k.put(&n, ^counter)
	k.put(&n, counter) // nothing of the last one stays
	return n[:]
}
