package noise

import (
	"bytes"
	"encoding/hex"
	"math"
	"testing"

	flynn "github.com/flynn/noise"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// lowOrder lists the u-coordinates of low order, including their encodings above
// the prime, from https://cr.yp.to/ecdh.html. lowOrderPoints adds the same ones
// with the top bit set, which X25519 ignores.
var lowOrder = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}

func lowOrderPoints(t testing.TB) (points [][]byte) {
	for _, s := range lowOrder {
		b, err := hex.DecodeString(s)
		require.NoError(t, err)
		top := bytes.Clone(b)
		top[KeySize-1] |= 0x80
		points = append(points, b, top)
	}
	return points
}

// refuseResponse requires that ReadResponse rejects the message.
func (p *pair) refuseResponse(t testing.TB, msg []byte, size int, want error) {
	payload, remote, err := p.init.ReadResponse(msg, size)
	require.ErrorIs(t, err, want)
	require.Nil(t, payload)
	require.Zero(t, remote)
}

// refuseFinal requires that ReadFinal rejects the message.
func (p *pair) refuseFinal(t testing.TB, msg []byte, size int, want error) {
	payload, keys, err := p.resp.ReadFinal(msg, size)
	require.ErrorIs(t, err, want)
	require.Nil(t, payload)
	require.Zero(t, keys)
}

// resized returns b cut or lengthened to n bytes.
func resized(b []byte, n int) []byte {
	c := make([]byte, n)
	copy(c, b)
	return c
}

func TestForgedLengths(t *testing.T) {
	forSuites(t, func(t *testing.T, suite wire.Suite, r testRand) {
		p := newPair(t, suite, r)
		for n := range 200 {
			if n != overhead[1]+len(p.payload1) {
				_, err := p.resp.ReadInit(make([]byte, n), len(p.payload1))
				require.ErrorIs(t, err, ErrLength)
			}
		}
		p.toResponse(t)
		for n := range len(p.msg2) + 100 {
			if n != len(p.msg2) {
				p.refuseResponse(t, resized(p.msg2, n), len(p.payload2), ErrLength)
			}
		}
		p.readResponse(t)
		p.writeFinal(t)
		for n := range len(p.msg3) + 100 {
			if n != len(p.msg3) {
				p.refuseFinal(t, resized(p.msg3, n), len(p.payload3), ErrLength)
			}
		}
		p.readFinal(t)
		p.requireDone(t)
	})
}

// A message whose length matches a wrong payload size is rejected by flynn.
func TestForgedLengthsWithMatchingPayloadSize(t *testing.T) {
	forSuites(t, func(t *testing.T, suite wire.Suite, r testRand) {
		p := newPair(t, suite, r)
		p.toResponse(t)
		for size := range 80 {
			if size != len(p.payload2) {
				p.refuseResponse(t, resized(p.msg2, 96+size), size, ErrMessage)
			}
		}
		p.readResponse(t)
		p.writeFinal(t)
		for size := range 80 {
			if size != len(p.payload3) {
				p.refuseFinal(t, resized(p.msg3, 64+size), size, ErrMessage)
			}
		}
		p.readFinal(t)
		p.requireDone(t)
	})
}

func TestImpossiblePayloadSizes(t *testing.T) {
	forSuites(t, func(t *testing.T, suite wire.Suite, r testRand) {
		p := newPair(t, suite, r)
		for n := range 120 {
			for _, size := range []int{n - 32, -1, math.MinInt, math.MaxInt, math.MaxInt - 31, 65535} {
				if size < 0 || size > 1000 {
					_, err := p.resp.ReadInit(make([]byte, n), size)
					require.ErrorIs(t, err, ErrLength)
				}
			}
		}
		p.toResponse(t)
		for n := range 96 {
			for _, size := range []int{n - 96, math.MinInt, math.MaxInt, math.MaxInt - 95} {
				p.refuseResponse(t, make([]byte, n), size, ErrLength)
			}
		}
		p.readResponse(t)
		p.writeFinal(t)
		for n := range 64 {
			for _, size := range []int{n - 64, math.MinInt, math.MaxInt, math.MaxInt - 63} {
				p.refuseFinal(t, make([]byte, n), size, ErrLength)
			}
		}
		p.readFinal(t)
		p.requireDone(t)
	})
}

// A message 2 or 3 with any one bit flipped is rejected. Each byte is tested in a
// handshake of its own, in which the genuine message is read after the eight
// forgeries, so that no later forgery can repair damage by an earlier one.
func TestFlippedBitIsRejected(t *testing.T) {
	forSuites(t, func(t *testing.T, suite wire.Suite, r testRand) {
		p := newPair(t, suite, r)
		p.payload1, p.payload2, p.payload3 = nil, r.bytes(9), r.bytes(9)
		for at := range 96 + len(p.payload2) {
			p.newMachines(t)
			p.toResponse(t)
			for bit := range 8 {
				p.refuseResponse(t, flipped(p.msg2, at, bit), len(p.payload2), ErrMessage)
			}
			p.readResponse(t)
			p.writeFinal(t)
			if at < len(p.msg3) {
				for bit := range 8 {
					p.refuseFinal(t, flipped(p.msg3, at, bit), len(p.payload3), ErrMessage)
				}
			}
			p.readFinal(t)
			p.requireDone(t)
		}
	})
}

func flipped(b []byte, at, bit int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1 << bit
	return b
}

// A bit of message 1 flipped in transit, payload included, makes the initiator
// reject message 2.
func TestChangedInit(t *testing.T) {
	forSuites(t, func(t *testing.T, suite wire.Suite, r testRand) {
		p := newPair(t, suite, r)
		p.payload1 = r.bytes(10)
		p.writeInit(t)
		genuine := p.msg1
		for at := range genuine {
			p.msg1 = flipped(genuine, at, r.IntN(8))
			p.resp, _ = NewResponder(suite, p.respStatic, p.prologue, r.key())
			p.writeResponse(t)
			p.refuseResponse(t, p.msg2, len(p.payload2), ErrMessage)
		}
		p.msg1 = genuine
		p.resp, _ = NewResponder(suite, p.respStatic, p.prologue, p.respEphemeral)
		p.writeResponse(t)
		p.complete(t)
	})
}

func TestLowOrderEphemerals(t *testing.T) {
	forSuites(t, func(t *testing.T, suite wire.Suite, r testRand) {
		p := newPair(t, suite, r)
		p.toResponse(t)
		for _, point := range lowOrderPoints(t) {
			p.refuseResponse(t, append(bytes.Clone(point), p.msg2[KeySize:]...), len(p.payload2), ErrLowOrder)

			resp, err := NewResponder(suite, p.respStatic, p.prologue, r.key())
			require.NoError(t, err)
			_, err = resp.ReadInit(append(bytes.Clone(point), p.payload1...), len(p.payload1))
			require.NoError(t, err)
			_, err = resp.WriteResponse(p.payload2)
			require.ErrorIs(t, err, ErrLowOrder)
			require.ErrorIs(t, err, ErrMessage)
			require.Equal(t, machine{}, resp.m)
			_, err = resp.WriteResponse(p.payload2)
			require.ErrorIs(t, err, ErrState)
		}
		p.complete(t)
	})
}

// plainState returns one side of the handshake as flynn's HandshakeState with
// flynn's own DH. If public is not nil, it is sent as the static key in place of
// the genuine one.
func plainState(t testing.TB, p *pair, initiator bool, public []byte) *flynn.HandshakeState {
	private, ephemeral := p.respPrivate, p.respEphemeral
	if initiator {
		private, ephemeral = p.initPrivate, p.initEphemeral
	}
	key, err := flynn.DH25519.GenerateKeypair(bytes.NewReader(private[:]))
	require.NoError(t, err)
	if public != nil {
		key.Public = public
	}
	ciphers := map[wire.Suite]flynn.CipherFunc{wire.AESGCM: flynn.CipherAESGCM, wire.ChaChaPoly: flynn.CipherChaChaPoly}
	s, err := flynn.NewHandshakeState(flynn.Config{
		CipherSuite:   flynn.NewCipherSuite(flynn.DH25519, ciphers[p.suite], flynn.HashSHA256),
		Random:        bytes.NewReader(ephemeral[:]),
		Pattern:       flynn.HandshakeXX,
		Initiator:     initiator,
		Prologue:      p.prologue,
		StaticKeypair: key,
	})
	require.NoError(t, err)
	return s
}

// A message that is valid except for its static key, which has low order or is
// not the sender's, is rejected.
func TestClaimedStaticKeyIsRejected(t *testing.T) {
	forSuites(t, func(t *testing.T, suite wire.Suite, r testRand) {
		p := newPair(t, suite, r)
		claims := map[string]error{string(r.bytes(KeySize)): ErrMessage}
		for _, point := range lowOrderPoints(t) {
			claims[string(point)] = ErrLowOrder
		}
		p.toResponse(t)
		for claim, want := range claims {
			s := plainState(t, p, false, []byte(claim))
			_, _, _, err := s.ReadMessage(nil, p.msg1)
			require.NoError(t, err)
			forged, _, _, err := s.WriteMessage(nil, p.payload2)
			require.NoError(t, err)
			p.refuseResponse(t, forged, len(p.payload2), want)
		}
		p.readResponse(t)
		p.writeFinal(t)
		for claim, want := range claims {
			s := plainState(t, p, true, []byte(claim))
			_, _, _, err := s.WriteMessage(nil, p.payload1)
			require.NoError(t, err)
			_, _, _, err = s.ReadMessage(nil, p.msg2)
			require.NoError(t, err)
			forged, _, _, err := s.WriteMessage(nil, p.payload3)
			require.NoError(t, err)
			p.refuseFinal(t, forged, len(p.payload3), want)
		}
		p.readFinal(t)
		p.requireDone(t)
	})
}

// Messages of another handshake between the same peers are rejected, and so are
// messages of this handshake out of place.
func TestReplayedAndSwappedMessages(t *testing.T) {
	forSuites(t, func(t *testing.T, suite wire.Suite, r testRand) {
		p := newPair(t, suite, r)
		old := *p
		old.initEphemeral, old.respEphemeral = r.key(), r.key()
		old.newMachines(t)
		old.toFinal(t)

		p.toResponse(t)
		for _, msg := range [][]byte{old.msg1, old.msg2, old.msg3, p.msg1} {
			p.refuseResponse(t, resized(msg, len(p.msg2)), len(p.payload2), ErrMessage)
		}
		p.refuseResponse(t, append(bytes.Clone(p.msg2[:80]), old.msg2[80:]...), len(p.payload2), ErrMessage)
		p.refuseResponse(t, append(bytes.Clone(old.msg2[:80]), p.msg2[80:]...), len(p.payload2), ErrMessage)
		p.refuseResponse(t, append(bytes.Clone(old.msg2[:32]), p.msg2[32:]...), len(p.payload2), ErrMessage)
		p.readResponse(t)
		p.writeFinal(t)
		for _, msg := range [][]byte{old.msg1, old.msg2, old.msg3, p.msg1, p.msg2} {
			p.refuseFinal(t, resized(msg, len(p.msg3)), len(p.payload3), ErrMessage)
		}
		p.refuseFinal(t, append(bytes.Clone(p.msg3[:48]), old.msg3[48:]...), len(p.payload3), ErrMessage)
		p.refuseFinal(t, append(bytes.Clone(old.msg3[:48]), p.msg3[48:]...), len(p.payload3), ErrMessage)
		p.readFinal(t)
		p.requireDone(t)

		// The old handshake can still complete, and message 3 is accepted once.
		old.readFinal(t)
		old.requireDone(t)
		p.refuseFinal(t, p.msg3, len(p.payload3), ErrState)
	})
}

// After Reject, the genuine message 2 is accepted although an attacker that saw
// message 1 answered it first, correctly, with a static key of its own.
func TestReject(t *testing.T) {
	forSuites(t, func(t *testing.T, suite wire.Suite, r testRand) {
		p := newPair(t, suite, r)
		p.toResponse(t)
		stranger, err := NewStatic(r.key())
		require.NoError(t, err)
		for range 3 {
			resp, err := NewResponder(suite, stranger, p.prologue, r.key())
			require.NoError(t, err)
			_, err = resp.ReadInit(p.msg1, len(p.payload1))
			require.NoError(t, err)
			msg2, err := resp.WriteResponse(p.payload2)
			require.NoError(t, err)
			_, remote, err := p.init.ReadResponse(msg2, len(p.payload2))
			require.NoError(t, err)
			require.Equal(t, stranger.Public(), remote)
			require.NoError(t, p.init.Reject())
			require.ErrorIs(t, p.init.Reject(), ErrState)
		}
		p.complete(t)
	})
}

// A message 3 whose static key does not decrypt costs no multiplication, because
// both secrets that it needs are cached from message 2.
func TestForgedFinalsCostNoMultiplication(t *testing.T) {
	forSuites(t, func(t *testing.T, suite wire.Suite, r testRand) {
		p := newPair(t, suite, r)
		p.toFinal(t)
		require.Nil(t, p.resp.m.dh.last)
		for range 50 {
			p.refuseFinal(t, r.bytes(len(p.msg3)), len(p.payload3), ErrMessage)
		}
		require.Nil(t, p.resp.m.dh.last, "a secret was computed")
		p.readFinal(t)
		p.requireDone(t)
	})
}
