package interop_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/blake2s"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/aead"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/wire"
)

// values are byte strings, by their names in the document.
type values map[string][]byte

// The packages of the transport produce exactly the values that the example of
// section 13 shows, byte for byte.
func TestExampleIsWhatWeSend(t *testing.T) {
	doc := readExample(t)
	made := buildExample(t, doc, wire.AESGCM, "")
	for name, v := range buildExample(t, doc, wire.ChaChaPoly, ", suite 2") {
		made[name] = v
	}
	for name, v := range made {
		require.Equal(t, hex.EncodeToString(v), hex.EncodeToString(doc[name]), name)
	}
	for name := range doc {
		require.True(t, made[name] != nil || isInput(name) || isInside(name), "nothing holds %q", name)
	}
}

// The client, which uses none of our packages, produces and parses the same bytes.
func TestExampleIsWhatTheDocumentSays(t *testing.T) {
	doc := readExample(t)
	for _, tc := range []struct {
		suite byte
		after string
	}{{1, ""}, {2, ", suite 2"}} {
		c := &client{
			suite:     tc.suite,
			static:    privateKey(doc["dialer static private"]),
			ephemeral: privateKey(doc["dialer ephemeral private"]),
			index:     doc["dialer index"],
			hello:     doc["Hello of the dialer"][4:],
		}
		same := func(name string, got []byte) {
			require.Equal(t, hex.EncodeToString(doc[name+tc.after]), hex.EncodeToString(got), name+tc.after)
		}
		c.start()
		if tc.suite == 1 {
			same("Init", c.init)
			same("h after message 1", c.noise.h)
			require.NoError(t, c.cookie(doc["Cookie"]))
			same("Init with cookie", c.init)
		}
		response := doc["Response"+tc.after]
		hello, err := c.response(response)
		require.NoError(t, err)
		require.Equal(t, doc["Hello of the responder"], hello)
		require.Equal(t, doc["responder static public"], c.responder)
		if tc.suite == 1 {
			same("h after message 2", c.noise.h)
		}
		same("Final", c.final(response))
		same("handshake hash", c.noise.h)
		same("k1", c.k1)
		same("k2", c.k2)

		counter, plain, err := c.open(doc["Ping"+tc.after])
		require.NoError(t, err)
		require.Zero(t, counter)
		require.Equal(t, []byte{5}, plain)

		said := join(message(1, 1, "hello"), reliable(2, 0, 0, "world"))
		same("messages", c.seal(said))
		if tc.suite == 2 {
			continue
		}
		same("frames of messages", said)
		c.next++
		same("frames of Latest", message(2, 300, "x=1.5"))
		same("Latest", c.seal(message(2, 300, "x=1.5")))
		counter, plain, err = c.open(doc["ACK"])
		require.NoError(t, err)
		require.Equal(t, uint64(1), counter)
		require.Equal(t, ack(0, 3125, 2, 1, 2), plain)
		same("frames of ACK", plain)
		same("nonce of ACK", nonce(1, 1))
	}
}

func TestVarintsOfTheDocument(t *testing.T) {
	for _, v := range []uint32{0, 63, 64, 16383, 16384, 1<<30 - 1, 1 << 30, 1<<32 - 1} {
		require.Equal(t, wire.AppendMessage(nil, wire.FrameRealtime, v, nil), message(1, v, ""))
		got, rest, ok := getVarint(varint(v))
		require.True(t, ok)
		require.Equal(t, v, got)
		require.Empty(t, rest)
	}
}

// isInput reports whether a value is an input of the example.
func isInput(name string) bool {
	return slices.Contains([]string{
		"dialer static private", "dialer ephemeral private", "dialer index",
		"responder static private", "responder ephemeral private", "responder index",
	}, name)
}

// isInside reports whether a value is internal to our packages. The client has it.
func isInside(name string) bool { return strings.HasPrefix(name, "h after") }

// exampleHandshake is the handshake of the example.
type exampleHandshake struct {
	dialer, responder           [32]byte // static public keys
	prologue                    []byte
	dialerHello, responderHello []byte
	init, response, final       []byte
	dialerKeys, responderKeys   noise.Keys
	dialerIndex, responderIndex uint32
}

// newExampleHandshake runs the handshake with the keys and indexes of the document.
func newExampleHandshake(t *testing.T, doc values, suite wire.Suite) (h exampleHandshake) {
	key := func(name string) (k [32]byte) {
		require.Len(t, doc[name], len(k), name)
		return [32]byte(doc[name])
	}
	dialer, err := noise.NewStatic(key("dialer static private"))
	require.NoError(t, err)
	responder, err := noise.NewStatic(key("responder static private"))
	require.NoError(t, err)
	h.dialer, h.responder = dialer.Public(), responder.Public()
	h.dialerIndex = binary.BigEndian.Uint32(doc["dialer index"])
	h.responderIndex = binary.BigEndian.Uint32(doc["responder index"])
	h.prologue = append([]byte("intentra handshake"), wire.Version, byte(suite))
	h.prologue = append(h.prologue, doc["dialer index"]...)
	i, err := noise.NewInitiator(suite, dialer, h.prologue, key("dialer ephemeral private"))
	require.NoError(t, err)
	r, err := noise.NewResponder(suite, responder, h.prologue, key("responder ephemeral private"))
	require.NoError(t, err)
	h.dialerHello = wire.AppendHello(nil, wire.Hello{
		Index: h.dialerIndex, PacketRate: 1000, PacketBurst: 100, IdleTimeout: 60_000,
		Instance: 0xd0d1d2d3d4d5d6d7, MaxDatagram: 1200, Window: 1024,
	})
	h.responderHello = wire.AppendHello(nil, wire.Hello{
		Index: h.responderIndex, PacketRate: 10000, PacketBurst: 500, IdleTimeout: 60_000,
		Instance: 0xe0e1e2e3e4e5e6e7, MaxDatagram: 1232, Window: 1024,
	})
	m1, err := i.WriteInit(make([]byte, wire.InitPadding))
	require.NoError(t, err)
	h.init = wire.AppendHeader(nil, wire.Header{Type: wire.TypeInit, Suite: suite, Sender: h.dialerIndex})
	h.init = append(append(h.init, m1...), make([]byte, wire.CookieSize)...)
	_, err = r.ReadInit(m1, wire.InitPadding)
	require.NoError(t, err)
	m2, err := r.WriteResponse(h.responderHello)
	require.NoError(t, err)
	h.response = append(wire.AppendHeader(nil, wire.Header{Type: wire.TypeResponse, Suite: suite, Receiver: h.dialerIndex}), m2...)
	_, _, err = i.ReadResponse(m2, wire.HelloSize)
	require.NoError(t, err)
	m3, dialerKeys, err := i.WriteFinal(h.dialerHello)
	require.NoError(t, err)
	h.final = append(wire.AppendHeader(nil, wire.Header{Type: wire.TypeFinal, Suite: suite, Receiver: h.responderIndex}), m3...)
	_, responderKeys, err := r.ReadFinal(m3, wire.HelloSize)
	require.NoError(t, err)
	require.Equal(t, dialerKeys.Hash, responderKeys.Hash)
	h.dialerKeys, h.responderKeys = dialerKeys, responderKeys
	return h
}

// buildExample returns the values that the document shows, computed from its inputs.
// If after is set, it is appended to the names, and only the values that depend on
// the suite are returned.
func buildExample(t *testing.T, doc values, suite wire.Suite, after string) values {
	h := newExampleHandshake(t, doc, suite)
	var someCookie [wire.CookieSize]byte
	for n := range someCookie {
		someCookie[n] = 0xc0 + byte(n)
	}
	macKey := blake2s.Sum256(wire.InitWithoutCookie(h.init))
	withCookie := bytes.Clone(h.init)
	copy(wire.InitCookie(withCookie), someCookie[:])

	sent := wire.AppendMessage(nil, wire.FrameRealtime, 1, []byte("hello"))
	sent = wire.AppendReliable(sent, 2, 0, 0, []byte("world"))
	latest := wire.AppendMessage(nil, wire.FrameLatest, 300, []byte("x=1.5"))
	bits := wire.AckBitmap{2}
	acked := wire.AppendAck(nil, &wire.Ack{Delay: 3125, Largest: 2, Reliable: 1, Bitmap: bits})

	v := values{
		"Response":       h.response,
		"Final":          h.final,
		"handshake hash": h.responderKeys.Hash[:],
		"k1":             h.dialerKeys.Send[:],
		"k2":             h.dialerKeys.Receive[:],
		"Ping":           seal(t, suite, h.responderKeys.Send, h.dialerIndex, 0, wire.AppendPing(nil)),
		"messages":       seal(t, suite, h.dialerKeys.Send, h.responderIndex, 0, sent),
	}
	if after != "" {
		named := values{}
		for name, b := range v {
			named[name+after] = b
		}
		return named
	}
	for name, b := range (values{
		"dialer static public":    h.dialer[:],
		"responder static public": h.responder[:],
		"prologue":                h.prologue,
		"Hello of the dialer":     h.dialerHello,
		"Hello of the responder":  h.responderHello,
		"Init":                    h.init,
		"Cookie":                  cookie.AppendChallenge(nil, h.init, someCookie),
		"key of the MAC":          macKey[:],
		"Init with cookie":        withCookie,
		"frames of messages":      sent,
		"frames of Latest":        latest,
		"Latest":                  seal(t, suite, h.dialerKeys.Send, h.responderIndex, 2, latest),
		"frames of ACK":           acked,
		"nonce of ACK":            noise.AppendNonce(nil, suite, 1),
		"ACK":                     seal(t, suite, h.responderKeys.Send, h.dialerIndex, 1, acked),
	}) {
		v[name] = b
	}
	return v
}

// seal returns a Data packet made by the seal stage.
func seal(t *testing.T, suite wire.Suite, key [32]byte, receiver uint32, counter uint64, frames []byte) []byte {
	c, err := noise.NewAEAD(suite, key)
	require.NoError(t, err)
	epoch := pipeline.MakeID(1, 1)
	s := aead.NewSeal()
	s.EpochOpened(pipeline.EpochNotice{Epoch: epoch})
	s.InstallKey(epoch, aead.NewKey(suite, c), 0)
	p := &pipeline.Packet{Epoch: epoch, Counter: counter}
	p.Data = wire.AppendHeader(make([]byte, 0, 256), wire.Header{Type: wire.TypeData, Receiver: receiver, Counter: counter})
	p.Data = append(p.Data, frames...)
	require.Equal(t, pipeline.Accept, s.Process(p))
	return p.Data
}

// readExample reads the hexadecimal blocks in PROTOCOL.md. A line that ends with a
// colon names the value after it; a semicolon starts a comment.
func readExample(t *testing.T) values {
	text, err := os.ReadFile("../../docs/PROTOCOL.md")
	require.NoError(t, err)
	v := values{}
	inside, name := false, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "```"):
			inside, name = line == "```hex", ""
		case !inside || line == "":
		case strings.HasSuffix(line, ":") && !strings.Contains(line, ";"):
			name = strings.TrimSuffix(line, ":")
			require.NotContains(t, v, name, "the document shows it twice")
			v[name] = []byte{}
		default:
			digits, _, _ := strings.Cut(line, ";")
			b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(digits), " ", ""))
			require.NoError(t, err, line)
			require.NotEmpty(t, name, line)
			v[name] = append(v[name], b...)
		}
	}
	require.NotEmpty(t, v, "PROTOCOL.md has no example")
	return v
}
