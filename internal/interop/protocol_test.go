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

// values are byte strings by their names in the document.
type values map[string][]byte

// The example of section 13, made by the packages that the transport is made
// of, is byte for byte what the document shows, and the document shows no more.
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

// The client, which knows nothing of our packages, makes and understands the
// same bytes.
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

// isInput tells the values that the example starts from.
func isInput(name string) bool {
	return slices.Contains([]string{
		"dialer static private", "dialer ephemeral private", "dialer index",
		"responder static private", "responder ephemeral private", "responder index",
	}, name)
}

// isInside tells those that our packages keep to themselves; the client has
// them.
func isInside(name string) bool { return strings.HasPrefix(name, "h after") }

// buildExample makes what the document shows from its inputs.
func buildExample(t *testing.T, doc values, suite wire.Suite, after string) values {
	key := func(name string) (k [32]byte) {
		require.Len(t, doc[name], len(k), name)
		return [32]byte(doc[name])
	}
	dialer, err := noise.NewStatic(key("dialer static private"))
	require.NoError(t, err)
	responder, err := noise.NewStatic(key("responder static private"))
	require.NoError(t, err)
	dialerPublic, responderPublic := dialer.Public(), responder.Public()

	dialerIndex := binary.BigEndian.Uint32(doc["dialer index"])
	responderIndex := binary.BigEndian.Uint32(doc["responder index"])
	prologue := append([]byte("intentra handshake"), wire.Version, byte(suite))
	prologue = append(prologue, doc["dialer index"]...)
	i, err := noise.NewInitiator(suite, dialer, prologue, key("dialer ephemeral private"))
	require.NoError(t, err)
	r, err := noise.NewResponder(suite, responder, prologue, key("responder ephemeral private"))
	require.NoError(t, err)

	dialerHello := wire.AppendHello(nil, wire.Hello{
		Index: dialerIndex, PacketRate: 1000, PacketBurst: 100, IdleTimeout: 60_000,
		Instance: 0xd0d1d2d3d4d5d6d7, MaxDatagram: 1200, Window: 1024,
	})
	responderHello := wire.AppendHello(nil, wire.Hello{
		Index: responderIndex, PacketRate: 10000, PacketBurst: 500, IdleTimeout: 60_000,
		Instance: 0xe0e1e2e3e4e5e6e7, MaxDatagram: 1232, Window: 1024,
	})

	m1, err := i.WriteInit(make([]byte, wire.InitPadding))
	require.NoError(t, err)
	init := wire.AppendHeader(nil, wire.Header{Type: wire.TypeInit, Suite: suite, Sender: dialerIndex})
	init = append(append(init, m1...), make([]byte, wire.CookieSize)...)
	var someCookie [wire.CookieSize]byte
	for n := range someCookie {
		someCookie[n] = 0xc0 + byte(n)
	}
	macKey := blake2s.Sum256(wire.InitWithoutCookie(init))
	challenge := cookie.AppendChallenge(nil, init, someCookie)
	withCookie := bytes.Clone(init)
	copy(wire.InitCookie(withCookie), someCookie[:])

	_, err = r.ReadInit(m1, wire.InitPadding)
	require.NoError(t, err)
	m2, err := r.WriteResponse(responderHello)
	require.NoError(t, err)
	response := append(wire.AppendHeader(nil, wire.Header{Type: wire.TypeResponse, Suite: suite, Receiver: dialerIndex}), m2...)
	_, _, err = i.ReadResponse(m2, wire.HelloSize)
	require.NoError(t, err)
	m3, dialerKeys, err := i.WriteFinal(dialerHello)
	require.NoError(t, err)
	final := append(wire.AppendHeader(nil, wire.Header{Type: wire.TypeFinal, Suite: suite, Receiver: responderIndex}), m3...)
	_, keys, err := r.ReadFinal(m3, wire.HelloSize)
	require.NoError(t, err)
	require.Equal(t, dialerKeys.Hash, keys.Hash)

	said := wire.AppendMessage(nil, wire.FrameRealtime, 1, []byte("hello"))
	said = wire.AppendReliable(said, 2, 0, 0, []byte("world"))
	latest := wire.AppendMessage(nil, wire.FrameLatest, 300, []byte("x=1.5"))
	bits := wire.AckBitmap{2}
	acked := wire.AppendAck(nil, &wire.Ack{Delay: 3125, Largest: 2, Reliable: 1, Bitmap: bits})

	v := values{
		"Response":       response,
		"Final":          final,
		"handshake hash": keys.Hash[:],
		"k1":             dialerKeys.Send[:],
		"k2":             dialerKeys.Receive[:],
		"Ping":           seal(t, suite, keys.Send, dialerIndex, 0, wire.AppendPing(nil)),
		"messages":       seal(t, suite, dialerKeys.Send, responderIndex, 0, said),
	}
	if after != "" {
		named := values{}
		for name, b := range v {
			named[name+after] = b
		}
		return named
	}
	for name, b := range (values{
		"dialer static public":    dialerPublic[:],
		"responder static public": responderPublic[:],
		"prologue":                prologue,
		"Hello of the dialer":     dialerHello,
		"Hello of the responder":  responderHello,
		"Init":                    init,
		"Cookie":                  challenge,
		"key of the MAC":          macKey[:],
		"Init with cookie":        withCookie,
		"frames of messages":      said,
		"frames of Latest":        latest,
		"Latest":                  seal(t, suite, dialerKeys.Send, responderIndex, 2, latest),
		"frames of ACK":           acked,
		"nonce of ACK":            noise.AppendNonce(nil, suite, 1),
		"ACK":                     seal(t, suite, keys.Send, dialerIndex, 1, acked),
	}) {
		v[name] = b
	}
	return v
}

// seal makes a Data packet with the stage that does it in a transport.
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

// readExample reads the blocks of hexadecimal in PROTOCOL.md: a line that ends
// in a colon names what follows, a semicolon starts a comment.
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
			require.NotContains(t, v, name, "twice in the document")
			v[name] = []byte{}
		default:
			digits, _, _ := strings.Cut(line, ";")
			b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(digits), " ", ""))
			require.NoError(t, err, line)
			require.NotEmpty(t, name, line)
			v[name] = append(v[name], b...)
		}
	}
	require.NotEmpty(t, v, "no example in PROTOCOL.md")
	return v
}
