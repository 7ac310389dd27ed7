package noise

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// fuzzSuite maps any byte to a suite.
func fuzzSuite(b byte) wire.Suite { return suites[int(b)%len(suites)] }

// addForgeries seeds f with a genuine message and messages close to it. They are
// computed, so that they stay valid when the code changes.
func addForgeries(f *testing.F, genuine func(p *pair) (msg []byte, payload int)) {
	for i, suite := range suites {
		msg, size := genuine(newPair(f, suite, fixedRand(uint64(i))))
		f.Add(byte(i), msg, size)
		f.Add(byte(i), msg, size-1)
		f.Add(byte(i), msg[:len(msg)-1], size)
		f.Add(byte(i), msg[:len(msg)-1], size-1)
		f.Add(byte(i), append(bytes.Clone(msg), 0), size+1)
		f.Add(byte(i), flipped(msg, 0, 0), size)
		f.Add(byte(i), flipped(msg, 31, 7), size)
		f.Add(byte(i), flipped(msg, len(msg)-1, 7), size)
		for _, point := range lowOrderPoints(f) {
			f.Add(byte(i), append(point, msg[KeySize:]...), size)
		}
		f.Add(byte(i), []byte{}, size)
		f.Add(byte(i), []byte{}, -len(msg))
		f.Add(byte(i), msg, math.MaxInt)
		f.Add(byte(i), msg, math.MinInt)
	}
}

// fuzzPair returns the pair from which addForgeries took its messages.
func fuzzPair(t testing.TB, b byte) *pair {
	return newPair(t, fuzzSuite(b), fixedRand(uint64(int(b)%len(suites))))
}

// The attacker sees all packets and sends altered messages 1 to a listener.
// Nothing panics, the genuine initiator rejects the answer to an altered message
// 1, and the handshake completes with the genuine one.
func FuzzInit(f *testing.F) {
	addForgeries(f, func(p *pair) ([]byte, int) { p.writeInit(f); return p.msg1, len(p.payload1) })
	f.Fuzz(func(t *testing.T, b byte, forged []byte, size int) {
		p := fuzzPair(t, b)
		p.writeInit(t)
		genuine := bytes.Equal(forged, p.msg1)

		payload, err := p.resp.ReadInit(forged, size)
		if err != nil {
			require.ErrorIs(t, err, ErrLength)
			require.True(t, size < 0 || size > 65535-32 || len(forged) != size+32)
			p.writeResponse(t) // with the same Responder
		} else {
			requireBytes(t, forged[KeySize:], payload)
			msg2, err := p.resp.WriteResponse(p.payload2)
			if err != nil {
				require.ErrorIs(t, err, ErrLowOrder)
			} else {
				require.Len(t, msg2, 96+len(p.payload2))
			}
			if err == nil && !genuine {
				p.refuseResponse(t, msg2, len(p.payload2), ErrMessage)
				p.refuseFinal(t, resized(msg2, 64+len(p.payload3)), len(p.payload3), ErrMessage)
			}
			p.resp, err = NewResponder(p.suite, p.respStatic, p.prologue, p.respEphemeral)
			require.NoError(t, err)
			p.writeResponse(t)
		}
		p.complete(t)
	})
}

// The attacker sees message 1 and sends forged messages 2 before the genuine one.
// Nothing panics, forgeries are rejected, and the genuine message 2 completes the
// handshake.
func FuzzResponse(f *testing.F) {
	addForgeries(f, func(p *pair) ([]byte, int) { p.toResponse(f); return p.msg2, len(p.payload2) })
	f.Fuzz(func(t *testing.T, b byte, forged []byte, size int) {
		p := fuzzPair(t, b)
		p.toResponse(t)
		if !bytes.Equal(forged, p.msg2) || size != len(p.payload2) {
			want := ErrMessage
			if size < 0 || size > 65535-96 || len(forged) != size+96 {
				want = ErrLength
			}
			p.refuseResponse(t, forged, size, want)
			_, keys, err := p.init.WriteFinal(p.payload3)
			require.ErrorIs(t, err, ErrState)
			require.Zero(t, keys)
		}
		p.complete(t)
	})
}

// The attacker sees messages 1 and 2 and sends forged messages 3 before the
// genuine one. Nothing panics, no forgery yields keys, and the genuine message 3
// completes the handshake.
func FuzzFinal(f *testing.F) {
	addForgeries(f, func(p *pair) ([]byte, int) { p.toFinal(f); return p.msg3, len(p.payload3) })
	f.Fuzz(func(t *testing.T, b byte, forged []byte, size int) {
		p := fuzzPair(t, b)
		p.toFinal(t)
		if !bytes.Equal(forged, p.msg3) || size != len(p.payload3) {
			want := ErrMessage
			if size < 0 || size > 65535-64 || len(forged) != size+64 {
				want = ErrLength
			}
			p.refuseFinal(t, forged, size, want)
		}
		p.readFinal(t)
		p.requireDone(t)
	})
}
