package wire

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
)

func TestVarint(t *testing.T) {
	for _, tt := range []struct {
		v   uint32
		hex string
	}{
		{0, "00"},
		{1, "01"},
		{37, "25"}, // RFC 9000 appendix A.1, as the next two
		{15293, "7bbd"},
		{494878333, "9d7f3e7d"},
		{63, "3f"},
		{64, "4040"},
		{16383, "7fff"},
		{16384, "80004000"},
		{1<<30 - 1, "bfffffff"},
		{1 << 30, "c000000040000000"},
		{1<<32 - 1, "c0000000ffffffff"},
	} {
		b := unhex(t, tt.hex)
		require.Equal(t, b, appendVarint(nil, tt.v))
		require.Equal(t, len(b), varintSize(tt.v))
		v, n := parseVarint(append(b, 0xff))
		require.Equal(t, tt.v, v)
		require.Equal(t, len(b), n)
		for i := range b {
			_, n := parseVarint(b[:i])
			require.Zero(t, n, "%s cut to %d", tt.hex, i)
		}
	}
}

func TestVarintRefuses(t *testing.T) {
	for _, s := range []string{
		"4000", "4025", "403f", // fits in one byte
		"80000000", "80003fff", // in two
		"c000000000000000", "c00000003fffffff", // in four
		"c000000100000000", "c000000140000000", "c2197c5eff14e88c", "ffffffffffffffff", // 2^32 and more
	} {
		_, n := parseVarint(unhex(t, s))
		require.Zero(t, n, s)
	}
}

// One value has one encoding: for all encodings of one and two bytes, and for
// random ones of four and eight.
func TestVarintHasOneEncoding(t *testing.T) {
	r := seed.Rand(t)
	check := func(b []byte) {
		if v, n := parseVarint(b); n > 0 {
			require.Equal(t, b[:n], appendVarint(nil, v))
		}
	}
	for v := range 1 << 16 {
		check([]byte{byte(v >> 8), byte(v)})
	}
	for range 20000 {
		b := make([]byte, 8)
		b[0] = byte(r.Uint32()) & (0xc0 | byte(1<<r.IntN(7)-1))
		for i := 1 + r.IntN(7); i < 8; i++ {
			b[i] = byte(r.Uint32())
		}
		check(b)
		v := r.Uint32() >> r.IntN(32)
		got, n := parseVarint(appendVarint(nil, v))
		require.Equal(t, v, got)
		require.Equal(t, varintSize(v), n)
	}
}

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}
