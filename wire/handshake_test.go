package wire

import (
	"bytes"
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
	for typ, n := range map[PacketType]int{TypeInit: 160, TypeResponse: 160, TypeFinal: 128, TypeCookie: 48} {
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
	part(b, NoiseMessage(b), 16, 144)
	part(b, InitWithoutCookie(b), 0, 144)
	part(b, InitCookie(b), 144, 160)

	b = numbered(Header{Type: TypeResponse, Suite: AESGCM})
	part(b, NoiseMessage(b), 16, 160)
	b = numbered(Header{Type: TypeFinal, Suite: AESGCM})
	part(b, NoiseMessage(b), 16, 128)

	b = numbered(Header{Type: TypeCookie, Suite: AESGCM})
	cookie, mac := CookiePacket(b)
	part(b, cookie, 16, 32)
	part(b, mac, 32, 48)
}

func TestHelloRoundTrip(t *testing.T) {
	r := seed.Rand(t)
	for range 2000 {
		any32 := func() uint32 { return r.Uint32() >> r.IntN(32) }
		positive := func() uint32 { return max(any32(), 1) }
		want := Hello{
			Index:        positive(),
			Capabilities: Capabilities(any32()),
			PacketRate:   positive(),
			PacketBurst:  positive(),
			MessageRate:  any32(),
			ByteRate:     any32(),
			IdleTimeout:  positive(),
			Instance:     r.Uint64(),
			MaxDatagram:  MinDatagram + uint16(r.IntN(1<<16-MinDatagram)),
			Window:       LeastReliableWindow + uint16(r.IntN(1<<16-LeastReliableWindow)),
			MaxMessage:   any32(),
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
		require.False(t, ok, "one byte more")
	}
}

func TestInvalidHello(t *testing.T) {
	good := Hello{Index: 1, PacketRate: 1, PacketBurst: 1, IdleTimeout: 1, MaxDatagram: MinDatagram, Window: LeastReliableWindow}
	_, ok := ParseHello(AppendHello(nil, good))
	require.True(t, ok, "the least of each is enough")

	for name, spoil := range map[string]func(*Hello){
		"index":    func(h *Hello) { h.Index = 0 },
		"rate":     func(h *Hello) { h.PacketRate = 0 },
		"burst":    func(h *Hello) { h.PacketBurst = 0 },
		"idle":     func(h *Hello) { h.IdleTimeout = 0 },
		"window":   func(h *Hello) { h.Window = LeastReliableWindow - 1 },
		"datagram": func(h *Hello) { h.MaxDatagram = MinDatagram - 1 },
	} {
		h := good
		spoil(&h)
		_, ok := ParseHello(AppendHello(nil, h))
		require.False(t, ok, name)
	}
}

// Reserved bytes are for later versions: sent as zero, ignored on receipt.
func TestHelloReservedBytesAreIgnored(t *testing.T) {
	want := Hello{Index: 1, PacketRate: 1, PacketBurst: 1, IdleTimeout: 1, MaxDatagram: MinDatagram, Window: LeastReliableWindow}
	b := AppendHello(nil, want)
	require.Equal(t, make([]byte, 4), b[44:])
	copy(b[44:], []byte{1, 2, 3, 255})
	got, ok := ParseHello(b)
	require.True(t, ok)
	require.Equal(t, want, got)
}

// FuzzHello: an attacker without an allowed key (OFF) can send a Hello, because keys
// are checked after the handshake. An accepted Hello has one encoding, apart from its
// reserved bytes, and no value that would prevent a session.
func FuzzHello(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, HelloSize))
	f.Add(AppendHello(nil, Hello{
		Index: 1, PacketRate: 10000, PacketBurst: 500, IdleTimeout: 60000, MaxDatagram: 1232, Window: ReliableWindow,
	}))
	f.Add(bytes.Repeat([]byte{255}, HelloSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := ParseHello(b)
		if !ok {
			return
		}
		require.Equal(t, append(bytes.Clone(b[:44]), 0, 0, 0, 0), AppendHello(nil, h))
		require.False(t, h.Index == 0 || h.PacketRate == 0 || h.PacketBurst == 0 || h.IdleTimeout == 0 ||
			h.MaxDatagram < MinDatagram || h.Window < LeastReliableWindow)
	})
}
