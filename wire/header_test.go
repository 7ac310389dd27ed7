package wire

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
)

// packetOf returns a packet of the right length for h.
func packetOf(h Header) []byte {
	n := Overhead
	if h.Type != TypeData {
		n = handshakeSize(h.Type)
	}
	b := AppendHeader(nil, h)
	return append(b, make([]byte, n-len(b))...)
}

func randHeader(r *rand.Rand) Header {
	h := Header{Type: TypeData + PacketType(r.IntN(5))}
	if h.Type != TypeInit {
		h.Receiver = r.Uint32() >> r.IntN(32)
	}
	if h.Type == TypeData {
		h.Counter = r.Uint64() >> r.IntN(64)
		return h
	}
	h.Suite = AESGCM + Suite(r.IntN(2))
	if h.Type == TypeInit {
		h.Sender = 1 + r.Uint32N(1<<32-1)>>r.IntN(32)
	}
	return h
}

func TestHeaderRoundTrip(t *testing.T) {
	r := seed.Rand(t)
	for range 3000 {
		want := randHeader(r)
		b := packetOf(want)
		require.Len(t, AppendHeader(nil, want), HeaderSize)
		got, fault := ParseHeader(b)
		require.Equal(t, FaultNone, fault)
		require.Equal(t, want, got)
		require.Equal(t, b[:HeaderSize], AppendHeader(nil, got))
		for i := range b {
			_, fault := ParseHeader(b[:i])
			require.NotEqual(t, FaultNone, fault, "cut to %d", i)
			_, _, ok := Peek(b[:i])
			require.Equal(t, i >= HeaderSize, ok)
		}
		typ, receiver, ok := Peek(b)
		require.True(t, ok)
		require.Equal(t, want.Type, typ)
		require.Equal(t, want.Receiver, receiver)
	}
}

func TestHeaderFaults(t *testing.T) {
	data := Header{Type: TypeData, Receiver: 7, Counter: 9}
	init := Header{Type: TypeInit, Suite: AESGCM, Sender: 7}
	other := func(typ PacketType) Header { return Header{Type: typ, Suite: ChaChaPoly, Receiver: 7} }
	set := func(h Header, at int, v byte) []byte {
		b := packetOf(h)
		b[at] = v
		return b
	}
	longer := func(h Header) []byte { return append(packetOf(h), 0) }
	shorter := func(h Header) []byte { return packetOf(h)[:len(packetOf(h))-1] }

	type row struct {
		name string
		b    []byte
		want Fault
	}
	rows := []row{
		{"empty", nil, FaultShort},
		{"15 bytes", packetOf(data)[:15], FaultShort},
		{"header without tag", packetOf(data)[:16], FaultShort},
		{"data of 31 bytes", shorter(data), FaultShort},
		{"data of 32 bytes", packetOf(data), FaultNone},
		{"data of 33 bytes", longer(data), FaultNone},
		{"largest datagram", append(packetOf(data), make([]byte, MaxDatagram-Overhead)...), FaultNone},
		{"version 0", set(data, 0, 0x01), FaultVersion},
		{"version 2", set(data, 0, 0x21), FaultVersion},
		{"version 15", set(init, 0, 0xf2), FaultVersion},
		{"type 0", set(data, 0, 0x10), FaultType},
		{"type 6", set(data, 0, 0x16), FaultType},
		{"type 15", set(data, 0, 0x1f), FaultType},
		{"suite in data", set(data, 1, byte(AESGCM)), FaultReserved},
		{"byte 2 of data", set(data, 2, 1), FaultReserved},
		{"byte 3 of data", set(data, 3, 0x80), FaultReserved},
		{"receiver in init", set(init, 7, 1), FaultReserved},
		{"init without sender", packetOf(Header{Type: TypeInit, Suite: AESGCM}), FaultReserved},
	}
	for i := 12; i < 16; i++ {
		rows = append(rows, row{"bytes after the sender of init", set(init, i, 1), FaultReserved})
	}
	for _, h := range []Header{init, other(TypeResponse), other(TypeFinal), other(TypeCookie)} {
		rows = append(rows,
			row{"handshake", packetOf(h), FaultNone},
			row{"longer handshake", longer(h), FaultLength},
			row{"shorter handshake", shorter(h), FaultLength},
			row{"handshake header alone", packetOf(h)[:16], FaultLength},
			row{"no suite", set(h, 1, 0), FaultReserved},
			row{"unknown suite", set(h, 1, 3), FaultReserved},
			row{"byte 2 of handshake", set(h, 2, 1), FaultReserved},
			row{"byte 3 of handshake", set(h, 3, 1), FaultReserved})
		for i := 8; i < 16 && h.Type != TypeInit; i++ {
			rows = append(rows, row{"bytes after the receiver", set(h, i, 1), FaultReserved})
		}
	}
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			_, fault := ParseHeader(tt.b)
			require.Equal(t, tt.want, fault)
		})
	}
	require.Len(t, FaultNames(), int(FaultLength))
	for _, f := range []Fault{FaultShort, FaultVersion, FaultType, FaultReserved, FaultLength} {
		require.Equal(t, map[Fault]string{
			FaultShort: "short", FaultVersion: "version", FaultType: "type", FaultReserved: "reserved", FaultLength: "length",
		}[f], FaultNames()[f-FaultShort])
	}
}

func TestSuites(t *testing.T) {
	for s := range Suite(255) {
		require.Equal(t, s == AESGCM || s == ChaChaPoly, s.Valid())
		require.Equal(t, s.Valid(), s.String() != "invalid")
	}
	require.NotEqual(t, AESGCM.String(), ChaChaPoly.String())
}

// FuzzHeader: anyone (OFF) can send any datagram to the port. A header without a
// fault has one encoding, its packet has the length of its type, and Peek agrees
// with ParseHeader.
func FuzzHeader(f *testing.F) {
	f.Add([]byte{})
	f.Add(packetOf(Header{Type: TypeData, Receiver: 7, Counter: 9}))
	for typ := TypeInit; typ <= TypeCookie; typ++ {
		h := Header{Type: typ, Suite: AESGCM, Receiver: 7}
		if typ == TypeInit {
			h.Receiver, h.Sender = 0, 7
		}
		f.Add(packetOf(h))
		f.Add(packetOf(h)[:30])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		given := slices.Clone(b)
		h, fault := ParseHeader(b)
		typ, receiver, ok := Peek(b)
		require.Equal(t, given, b)
		require.LessOrEqual(t, int(fault), len(FaultNames()))
		require.Equal(t, fault == FaultShort && len(b) < HeaderSize || fault == FaultVersion, !ok)
		if fault != FaultNone {
			return
		}
		require.Equal(t, h.Type, typ)
		require.Equal(t, h.Receiver, receiver)
		require.Equal(t, b[:HeaderSize], AppendHeader(nil, h))
		switch h.Type {
		case TypeData:
			require.GreaterOrEqual(t, len(b), Overhead)
		case TypeInit:
			require.NotZero(t, h.Sender)
			parts := append(slices.Clone(InitWithoutCookie(b)), InitCookie(b)...)
			require.Equal(t, b, parts)
			require.Equal(t, b[HeaderSize:InitSize-CookieSize], NoiseMessage(b))
		case TypeResponse, TypeFinal:
			require.Equal(t, b[HeaderSize:], NoiseMessage(b))
		case TypeCookie:
			cookie, mac := CookiePacket(b)
			require.Equal(t, b[HeaderSize:], append(slices.Clone(cookie), mac...))
		default:
			require.Fail(t, "no such type", "%d", h.Type)
		}
	})
}

func TestPacketTypeNames(t *testing.T) {
	for typ, want := range map[PacketType]string{
		0: "unknown", TypeData: "data", TypeInit: "init", TypeResponse: "response", TypeFinal: "final", TypeCookie: "cookie",
		6: "unknown", 255: "unknown",
	} {
		require.Equal(t, want, typ.String())
	}
}
