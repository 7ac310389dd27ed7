package cookie

import (
	"bytes"
	"testing"

	"github.com/intentra/intentra/wire"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/blake2s"
)

var someCookie = [wire.CookieSize]byte{1, 2, 3, 15: 16}

func TestChallengeLayout(t *testing.T) {
	init := initPacket(1)
	got := AppendChallenge([]byte("prefix"), init, someCookie)
	require.Equal(t, "prefix", string(got[:6]))

	want := []byte{0x15, 1, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0}
	want = append(want, someCookie[:]...)
	key := blake2s.Sum256(init[:144])
	ref, err := blake2s.New128(key[:])
	require.NoError(t, err)
	ref.Write(want)
	require.Equal(t, ref.Sum(want), got[6:])

	h, fault := wire.ParseHeader(got[6:])
	require.Equal(t, wire.FaultNone, fault)
	require.Equal(t, wire.Header{Type: wire.TypeCookie, Suite: wire.AESGCM, Receiver: 0x01020304}, h)
}

func TestOpenChallenge(t *testing.T) {
	init := initPacket(1)
	challenge := AppendChallenge(nil, init, someCookie)
	for _, c := range []struct {
		name            string
		init, challenge []byte
		want            bool
	}{
		{"genuine", init, challenge, true},
		{"to a retry with a cookie", withCookie(init, someCookie), challenge, true},
		{"to another Init", initPacket(2), challenge, false},
		{"short", init, challenge[:47], false},
		{"long", init, append(bytes.Clone(challenge), 0), false},
		{"empty", init, nil, false},
		{"no Init", nil, challenge, false},
	} {
		cookie, ok := OpenChallenge(c.init, c.challenge)
		require.Equal(t, c.want, ok, c.name)
		require.Equal(t, c.want, cookie == someCookie, c.name)
	}
}

func TestOpenChallengeRefusesEveryFlippedBit(t *testing.T) {
	init := initPacket(1)
	challenge := AppendChallenge(nil, init, someCookie)
	flipEach(challenge, func(bit int) {
		_, ok := OpenChallenge(init, challenge)
		require.False(t, ok, "bit %d of the challenge", bit)
	})
	covered := wire.InitWithoutCookie(init)
	flipEach(covered, func(bit int) {
		_, ok := OpenChallenge(init, challenge)
		require.False(t, ok, "bit %d of the Init", bit)
	})
}

func flipEach(b []byte, f func(bit int)) {
	for bit := range 8 * len(b) {
		b[bit/8] ^= 1 << (bit % 8)
		f(bit)
		b[bit/8] ^= 1 << (bit % 8)
	}
}

func TestSignerDoesNotAllocate(t *testing.T) {
	s, init, dst := newSigner(), initPacket(1), make([]byte, 0, wire.CookiePacketSize)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		init[20]++
		dst = s.appendChallenge(dst[:0], init, someCookie)
	}))
	require.Equal(t, AppendChallenge(nil, init, someCookie), dst)
}
