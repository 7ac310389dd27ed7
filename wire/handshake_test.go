package wire

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
)

// An answer to an unproven address is not longer than the packet that elicits it.
func TestNoAmplification(t *testing.T) {
	require.LessOrEqual(t, ResponseSize, InitSize)
	require.LessOrEqual(t, CookiePacketSize, InitSize)
}

// The packets that every session needs fit into the smallest maximum datagram size
// that a peer may announce.
func TestMinDatagramIsEnough(t *testing.T) {
	const rekeyAnswer = 32 + 32 + TagSize + HelloSize + TagSize // the longest Noise message
	for _, n := range []int{InitSize, ResponseSize, FinalSize, CookiePacketSize, Overhead + MaxAckSize, Overhead + RekeySize(rekeyAnswer)} {
		require.LessOrEqual(t, n, MinDatagram)
	}
}

func TestHandshakeSizes(t *testing.T) {
	for typ, n := range map[PacketType]int{TypeInit: 128, TypeResponse: 128, TypeFinal: 96, TypeCookie: 48} {
		require.Equal(t, n, handshakeSize(typ))
	}
}

// The parts of handshake packets are at the offsets of the layout, and alias the
// packet.
func TestHandshakeParts(t *testing.T) {
	numbered := func(h Header) []byte {
		b := packetOf(h)
		for i := HeaderSize; i < len(b); i++ {
			b[i] = byte(i)
		}
		return b
	}
	part := func(b, part []byte, from, to int) {
		require.Len(t, part, to-from)
		require.Same(t, &b[from], &part[0])
	}
	b := numbered(Header{Type: TypeInit, Suite: AESGCM, Sender: 1})
	part(b, NoiseMessage(b), 16, 112)
	part(b, InitWithoutCookie(b), 0, 112)
	part(b, InitCookie(b), 112, 128)

	b = numbered(Header{Type: TypeResponse, Suite: AESGCM})
	part(b, NoiseMessage(b), 16, 128)
	b = numbered(Header{Type: TypeFinal, Suite: AESGCM})
	part(b, NoiseMessage(b), 16, 96)

	b = numbered(Header{Type: TypeCookie, Suite: AESGCM})
	cookie, mac := CookiePacket(b)
	part(b, cookie, 16, 32)
	part(b, mac, 32, 48)
}

func TestHelloRoundTrip(t *testing.T) {
	r := seed.Rand(t)
	for range 2000 {
		want := Hello{
			Index:       1 + r.Uint32N(1<<32-1)>>r.IntN(32),
			Rate:        1 + r.Uint32N(1<<32-1)>>r.IntN(32),
			Burst:       1 + r.Uint32N(1<<32-1)>>r.IntN(32),
			MaxDatagram: MinDatagram + uint16(r.IntN(1<<16-MinDatagram)),
		}
		b := AppendHello(nil, want)
		require.Len(t, b, HelloSize)
		got, ok := ParseHello(b)
		require.True(t, ok)
		require.Equal(t, want, got)
		for i := range b {
			_, ok := ParseHello(b[:i])
			require.False(t, ok, "cut to %d", i)
		}
		_, ok = ParseHello(append(b, 0))
		require.False(t, ok, "one byte too long")
	}
}

func TestInvalidHello(t *testing.T) {
	good := Hello{Index: 1, Rate: 1, Burst: 1, MaxDatagram: MinDatagram}
	_, ok := ParseHello(AppendHello(nil, good))
	require.True(t, ok, "minimal values are valid")

	for name, spoil := range map[string]func(*Hello){
		"index":    func(h *Hello) { h.Index = 0 },
		"rate":     func(h *Hello) { h.Rate = 0 },
		"burst":    func(h *Hello) { h.Burst = 0 },
		"datagram": func(h *Hello) { h.MaxDatagram = MinDatagram - 1 },
	} {
		h := good
		spoil(&h)
		_, ok := ParseHello(AppendHello(nil, h))
		require.False(t, ok, name)
	}
	for i := 14; i < 16; i++ {
		for bit := range 8 {
			b := AppendHello(nil, good)
			b[i] = 1 << bit
			_, ok := ParseHello(b)
			require.False(t, ok, "byte %d, bit %d", i, bit)
		}
	}
}

// FuzzHello: an attacker without an allowed key (OFF) can send a Hello, because keys
// are checked after the handshake. An accepted Hello has one encoding and no value
// that would prevent a session.
func FuzzHello(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, HelloSize))
	f.Add(AppendHello(nil, Hello{Index: 1, Rate: 10000, Burst: 500, MaxDatagram: 1232}))
	f.Add(AppendHello(nil, Hello{Index: 1<<32 - 1, Rate: 1<<32 - 1, Burst: 1<<32 - 1, MaxDatagram: 1<<16 - 1}))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := ParseHello(b)
		if !ok {
			return
		}
		require.Equal(t, b, AppendHello(nil, h))
		require.False(t, h.Index == 0 || h.Rate == 0 || h.Burst == 0 || h.MaxDatagram < MinDatagram)
	})
}
