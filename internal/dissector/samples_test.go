package dissector

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/wire"
)

// sample is a packet, Hello or plaintext, with the expected dissection.
type sample struct {
	b      []byte
	want   []string // its fields, as name=value
	info   string   // the Info column
	faults []string
}

const (
	dialerIndex    = 0x01020304
	responderIndex = 0x0a0b0c0d
)

var (
	dialerHello = wire.Hello{
		Index: dialerIndex, Capabilities: wire.CapAckNow | wire.CapProbe, PacketRate: 1000, PacketBurst: 100, MessageRate: 50_000, ByteRate: 2000,
		IdleTimeout: 500, Instance: 0x0102030405060708, MaxDatagram: 1200, Window: 4096, MaxMessage: 65_536,
	}
	responderHello = wire.Hello{
		Index: responderIndex, PacketRate: 10_000, PacketBurst: 500, IdleTimeout: 60_000, MaxDatagram: 1232, Window: wire.ReliableWindow,
	}
	leastHello = wire.Hello{
		Index: 1, PacketRate: 1, PacketBurst: 1, IdleTimeout: 1, MaxDatagram: wire.MinDatagram, Window: wire.ReliableWindow,
	}
)

// packetSamples returns all packets of a handshake and Data packets of its session.
func packetSamples(t *testing.T, suite wire.Suite) []sample {
	init, response, final, keys := handshake(t, suite)
	var given [wire.CookieSize]byte
	copy(given[:], distinct(wire.CookieSize, 0xc0))
	withCookie := bytes.Clone(init)
	copy(wire.InitCookie(withCookie), given[:])
	challenge := cookie.AppendChallenge(nil, init, given)
	_, mac := wire.CookiePacket(challenge)

	handshakeHeader := func(kind wire.PacketType, receiver uint32) []string {
		return []string{
			"intentra.version=1", fmt.Sprintf("intentra.type=%d", kind), fmt.Sprintf("intentra.suite=%d", suite),
			"intentra.reserved=00:00", index("intentra.receiver", receiver),
		}
	}
	zeros := octets("intentra.reserved", make([]byte, 8))
	m2, m3 := wire.NoiseMessage(response), wire.NoiseMessage(final)
	initFields := func(cookie []byte) []string {
		return append(handshakeHeader(wire.TypeInit, 0), index("intentra.sender", dialerIndex), "intentra.reserved=00:00:00:00",
			octets("intentra.ephemeral", wire.NoiseMessage(init)[:32]), octets("intentra.padding", make([]byte, wire.InitPadding)),
			octets("intentra.cookie", cookie))
	}
	return []sample{
		{b: init, want: initFields(make([]byte, wire.CookieSize)), info: "Init, sender 0x01020304, no cookie"},
		{b: challenge, want: append(handshakeHeader(wire.TypeCookie, dialerIndex), zeros,
			octets("intentra.cookie", given[:]), octets("intentra.mac", mac)), info: "Cookie, receiver 0x01020304"},
		{b: withCookie, want: initFields(given[:]), info: "Init, sender 0x01020304, cookie"},
		{b: response, want: append(handshakeHeader(wire.TypeResponse, dialerIndex), zeros,
			octets("intentra.ephemeral", m2[:32]), octets("intentra.static", m2[32:64]), octets("intentra.static_tag", m2[64:80]),
			octets("intentra.hello", m2[80:128]), octets("intentra.hello_tag", m2[128:])), info: "Response, receiver 0x01020304"},
		{b: final, want: append(handshakeHeader(wire.TypeFinal, responderIndex), zeros,
			octets("intentra.static", m3[:32]), octets("intentra.static_tag", m3[32:48]),
			octets("intentra.hello", m3[48:96]), octets("intentra.hello_tag", m3[96:])), info: "Final, receiver 0x0a0b0c0d"},
		data(t, suite, keys.Receive, dialerIndex, 0, wire.AppendPing(nil)),
		data(t, suite, keys.Send, responderIndex, 1<<28-1, wire.AppendMessage(nil, wire.FrameLatest, 300, []byte("x=1.5"))),
	}
}

// handshake returns the packets of a handshake without cookies, and the dialer's
// keys.
func handshake(t *testing.T, suite wire.Suite) (init, response, final []byte, keys noise.Keys) {
	prologue := append([]byte("intentra handshake"), wire.Version, byte(suite), 1, 2, 3, 4)
	i, r := machines(t, suite, prologue)
	m1, err := i.WriteInit(make([]byte, wire.InitPadding))
	require.NoError(t, err)
	_, err = r.ReadInit(m1, wire.InitPadding)
	require.NoError(t, err)
	m2, err := r.WriteResponse(wire.AppendHello(nil, responderHello))
	require.NoError(t, err)
	_, _, err = i.ReadResponse(m2, wire.HelloSize)
	require.NoError(t, err)
	m3, keys, err := i.WriteFinal(wire.AppendHello(nil, dialerHello))
	require.NoError(t, err)

	init = append(wire.AppendHeader(nil, wire.Header{Type: wire.TypeInit, Suite: suite, Sender: dialerIndex}), m1...)
	init = append(init, make([]byte, wire.CookieSize)...)
	response = append(wire.AppendHeader(nil, wire.Header{Type: wire.TypeResponse, Suite: suite, Receiver: dialerIndex}), m2...)
	final = append(wire.AppendHeader(nil, wire.Header{Type: wire.TypeFinal, Suite: suite, Receiver: responderIndex}), m3...)
	return init, response, final, keys
}

func machines(t *testing.T, suite wire.Suite, prologue []byte) (*noise.Initiator, *noise.Responder) {
	key := func(first byte) [32]byte { return [32]byte(distinct(32, first)) }
	dialer, err := noise.NewStatic(key(0x00))
	require.NoError(t, err)
	responder, err := noise.NewStatic(key(0x20))
	require.NoError(t, err)
	i, err := noise.NewInitiator(suite, dialer, prologue, key(0x40))
	require.NoError(t, err)
	r, err := noise.NewResponder(suite, responder, prologue, key(0x60))
	require.NoError(t, err)
	return i, r
}

// data returns a Data packet.
func data(t *testing.T, suite wire.Suite, key [32]byte, receiver uint32, counter uint64, frames []byte) sample {
	c, err := noise.NewAEAD(suite, key)
	require.NoError(t, err)
	header := wire.AppendHeader(nil, wire.Header{Type: wire.TypeData, Receiver: receiver, Counter: counter})
	b := c.Seal(bytes.Clone(header), noise.AppendNonce(nil, suite, counter), frames, header)
	return sample{
		b: b,
		want: []string{
			"intentra.version=1", "intentra.type=1", "intentra.reserved=00:00:00",
			index("intentra.receiver", receiver), fmt.Sprintf("intentra.counter=%d", counter),
			octets("intentra.frames", b[wire.HeaderSize:len(b)-wire.TagSize]), octets("intentra.tag", b[len(b)-wire.TagSize:]),
		},
		info: fmt.Sprintf("Data, receiver 0x%08x, counter %d, %d bytes of frames", receiver, counter, len(frames)),
	}
}

// helloSamples returns the plaintexts of both Hellos and of one with the smallest
// allowed values.
func helloSamples() (all []sample) {
	for _, h := range []wire.Hello{dialerHello, responderHello, leastHello} {
		all = append(all, sample{b: wire.AppendHello(nil, h), info: "Hello", want: []string{
			index("intentra.hello.index", h.Index), index("intentra.hello.capabilities", uint32(h.Capabilities)),
			fmt.Sprintf("intentra.hello.packet_rate=%d", h.PacketRate), fmt.Sprintf("intentra.hello.packet_burst=%d", h.PacketBurst),
			fmt.Sprintf("intentra.hello.message_rate=%d", h.MessageRate), fmt.Sprintf("intentra.hello.byte_rate=%d", h.ByteRate),
			fmt.Sprintf("intentra.hello.idle_timeout=%d", h.IdleTimeout),
			octets("intentra.hello.instance", binary.BigEndian.AppendUint64(nil, h.Instance)),
			fmt.Sprintf("intentra.hello.max_datagram=%d", h.MaxDatagram), fmt.Sprintf("intentra.hello.window=%d", h.Window),
			fmt.Sprintf("intentra.hello.max_message=%d", h.MaxMessage), "intentra.hello.reserved=00:00:00:00",
		}})
	}
	return all
}

// index returns how the dissector shows a receiver index.
func index(name string, i uint32) string { return fmt.Sprintf("%s=0x%08x", name, i) }

// octets returns how the dissector shows bytes.
func octets(name string, b []byte) string {
	return name + "=" + strings.TrimRight(strings.ReplaceAll(fmt.Sprintf("% x", b), " ", ":"), ":")
}

// distinct returns n bytes that count up from first.
func distinct(n int, first byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

// be32 returns v in 4 bytes.
func be32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
