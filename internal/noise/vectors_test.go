package noise

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"strings"
	"testing"

	flynn "github.com/flynn/noise"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

var update = flag.Bool("update", false, "rewrite testdata/own.json")

// vector is one entry of a file in the format of cacophony and snow. Messages
// alternate between the sides, beginning with the initiator; from the fourth on
// they are transport messages.
type vector struct {
	ProtocolName  string          `json:"protocol_name"`
	InitPrologue  string          `json:"init_prologue"`
	InitStatic    string          `json:"init_static"`
	InitEphemeral string          `json:"init_ephemeral"`
	RespPrologue  string          `json:"resp_prologue"`
	RespStatic    string          `json:"resp_static"`
	RespEphemeral string          `json:"resp_ephemeral"`
	HandshakeHash string          `json:"handshake_hash"`
	Messages      []vectorMessage `json:"messages"`
	Source        string          `json:"source"`
}

type vectorMessage struct {
	Payload    string `json:"payload"`
	Ciphertext string `json:"ciphertext"`
}

var suiteNames = map[string]wire.Suite{
	"Noise_XX_25519_AESGCM_SHA256":     wire.AESGCM,
	"Noise_XX_25519_ChaChaPoly_SHA256": wire.ChaChaPoly,
}

// The vectors of cacophony and snow. Those of our suites are run with Initiator
// and Responder, those with BLAKE2s, which we do not offer, with flynn's
// HandshakeState and our DH.
func TestVectors(t *testing.T) {
	raw, err := os.ReadFile("../../../shared/vectors/noise_xx.json")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the Noise XX vectors of cacophony and snow are not beside this checkout (../shared/vectors/noise_xx.json)")
	}
	require.NoError(t, err)
	machines, plain := 0, 0
	for _, v := range parseVectors(t, raw) {
		t.Run(v.Source+"/"+v.ProtocolName, func(t *testing.T) {
			if suite, ok := suiteNames[v.ProtocolName]; ok {
				runVector(t, v, suite)
				machines++
			} else {
				runPlainVector(t, v)
				plain++
			}
		})
	}
	require.Equal(t, 4, machines)
	require.Equal(t, 4, plain)
}

// testdata/own.json was written by this test with -update. It pins the bytes on
// the wire for payloads of intentra's sizes, for empty payloads, and after a
// rejected message. TestVectors and TestMachinesEqualFlynn show that the bytes are
// correct.
func TestOwnVectors(t *testing.T) {
	const name = "testdata/own.json"
	if *update {
		writeOwnVectors(t, name)
	}
	raw, err := os.ReadFile(name)
	require.NoError(t, err)
	vectors := parseVectors(t, raw)
	require.Len(t, vectors, 4)
	for _, v := range vectors {
		t.Run(v.ProtocolName, func(t *testing.T) { runVector(t, v, suiteNames[v.ProtocolName]) })
	}
}

func parseVectors(t *testing.T, raw []byte) []vector {
	var file struct{ Vectors []vector }
	require.NoError(t, json.Unmarshal(raw, &file))
	return file.Vectors
}

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func unhexKey(t testing.TB, s string) [KeySize]byte { return [KeySize]byte(unhex(t, s)) }

func runVector(t *testing.T, v vector, suite wire.Suite) {
	is, err := NewStatic(unhexKey(t, v.InitStatic))
	require.NoError(t, err)
	rs, err := NewStatic(unhexKey(t, v.RespStatic))
	require.NoError(t, err)
	init, err := NewInitiator(suite, is, unhex(t, v.InitPrologue), unhexKey(t, v.InitEphemeral))
	require.NoError(t, err)
	resp, err := NewResponder(suite, rs, unhex(t, v.RespPrologue), unhexKey(t, v.RespEphemeral))
	require.NoError(t, err)
	var payload, message [][]byte
	for _, m := range v.Messages {
		payload = append(payload, unhex(t, m.Payload))
		message = append(message, unhex(t, m.Ciphertext))
	}

	msg, err := init.WriteInit(payload[0])
	require.NoError(t, err)
	require.Equal(t, message[0], msg)
	got, err := resp.ReadInit(msg, len(payload[0]))
	require.NoError(t, err)
	requireBytes(t, payload[0], got)

	msg, err = resp.WriteResponse(payload[1])
	require.NoError(t, err)
	require.Equal(t, message[1], msg)
	_, _, err = init.ReadResponse(flipped(msg, 40, 1), len(payload[1]))
	require.ErrorIs(t, err, ErrMessage)
	got, remote, err := init.ReadResponse(msg, len(payload[1]))
	require.NoError(t, err)
	requireBytes(t, payload[1], got)
	require.Equal(t, rs.Public(), remote)

	msg, ik, err := init.WriteFinal(payload[2])
	require.NoError(t, err)
	require.Equal(t, message[2], msg)
	_, _, err = resp.ReadFinal(flipped(msg, 50, 1), len(payload[2]))
	require.ErrorIs(t, err, ErrMessage)
	got, rk, err := resp.ReadFinal(msg, len(payload[2]))
	require.NoError(t, err)
	requireBytes(t, payload[2], got)

	require.Equal(t, ik.Hash, rk.Hash)
	v.requireHash(t, ik.Hash[:])
	require.Equal(t, is.Public(), rk.Remote)
	require.Equal(t, rs.Public(), ik.Remote)
	for i := 3; i < len(message); i++ {
		send, receive := ik.Send, rk.Receive
		if i%2 == 1 {
			send, receive = rk.Send, ik.Receive
		}
		nonce := AppendNonce(nil, suite, uint64(i-3)/2)
		seal, err := NewAEAD(suite, send)
		require.NoError(t, err)
		require.Equal(t, message[i], seal.Seal(nil, nonce, payload[i], nil))
		open, err := NewAEAD(suite, receive)
		require.NoError(t, err)
		got, err := open.Open(nil, nonce, message[i], nil)
		require.NoError(t, err)
		requireBytes(t, payload[i], got)
	}
}

// requireHash compares the handshake hash, which snow's vectors do not contain.
func (v vector) requireHash(t *testing.T, h []byte) {
	if v.Source == "snow" {
		require.Empty(t, v.HandshakeHash)
		return
	}
	require.Equal(t, v.HandshakeHash, hex.EncodeToString(h))
}

// requireBytes treats nil as empty.
func requireBytes(t testing.TB, want, got []byte) {
	require.Equal(t, hex.EncodeToString(want), hex.EncodeToString(got))
}

func runPlainVector(t *testing.T, v vector) {
	newState := func(initiator bool, static, ephemeral, prologue string) *flynn.HandshakeState {
		s, err := NewStatic(unhexKey(t, static))
		require.NoError(t, err)
		e := unhexKey(t, ephemeral)
		d, err := newDH(s, &e)
		require.NoError(t, err)
		ciphers := flynn.CipherAESGCM
		if strings.Contains(v.ProtocolName, "ChaChaPoly") {
			ciphers = flynn.CipherChaChaPoly
		}
		suite := flynn.NewCipherSuite(d, ciphers, flynn.HashBLAKE2s)
		require.Equal(t, v.ProtocolName, "Noise_XX_"+string(suite.Name()))
		state, err := flynn.NewHandshakeState(flynn.Config{
			CipherSuite: suite, Pattern: flynn.HandshakeXX, Initiator: initiator,
			Prologue: unhex(t, prologue), StaticKeypair: d.key(ownStatic),
		})
		require.NoError(t, err)
		return state
	}
	writer := newState(true, v.InitStatic, v.InitEphemeral, v.InitPrologue)
	reader := newState(false, v.RespStatic, v.RespEphemeral, v.RespPrologue)
	var w, r [2]*flynn.CipherState
	for i, m := range v.Messages {
		payload, message := unhex(t, m.Payload), unhex(t, m.Ciphertext)
		var msg, got []byte
		var err error
		if i < 3 {
			msg, w[0], w[1], err = writer.WriteMessage(nil, payload)
			require.NoError(t, err)
			got, r[0], r[1], err = reader.ReadMessage(nil, msg)
			writer, reader = reader, writer
		} else {
			msg, err = w[i%2].Encrypt(nil, nil, payload)
			require.NoError(t, err)
			got, err = r[i%2].Decrypt(nil, nil, msg)
		}
		require.NoError(t, err)
		require.Equal(t, message, msg)
		requireBytes(t, payload, got)
	}
	require.Equal(t, writer.ChannelBinding(), reader.ChannelBinding())
	v.requireHash(t, writer.ChannelBinding())
}

func writeOwnVectors(t *testing.T, name string) {
	var file struct {
		Vectors []vector `json:"vectors"`
	}
	r := fixedRand(2)
	for _, protocol := range []string{"Noise_XX_25519_AESGCM_SHA256", "Noise_XX_25519_ChaChaPoly_SHA256"} {
		for _, empty := range []bool{false, true} {
			p := newPair(t, suiteNames[protocol], r)
			p.prologue, p.payload1, p.payload2, p.payload3 = r.bytes(12), make([]byte, wire.InitPadding), r.bytes(wire.HelloSize), r.bytes(wire.HelloSize)
			if empty {
				p.prologue, p.payload1, p.payload2, p.payload3 = nil, nil, nil, nil
			}
			p.newMachines(t)
			p.toFinal(t)
			v := vector{
				ProtocolName:  protocol,
				InitPrologue:  hex.EncodeToString(p.prologue),
				InitStatic:    hex.EncodeToString(p.initPrivate[:]),
				InitEphemeral: hex.EncodeToString(p.initEphemeral[:]),
				RespPrologue:  hex.EncodeToString(p.prologue),
				RespStatic:    hex.EncodeToString(p.respPrivate[:]),
				RespEphemeral: hex.EncodeToString(p.respEphemeral[:]),
				HandshakeHash: hex.EncodeToString(p.initKeys.Hash[:]),
				Source:        "intentra",
			}
			add := func(payload, message []byte) {
				v.Messages = append(v.Messages, vectorMessage{hex.EncodeToString(payload), hex.EncodeToString(message)})
			}
			add(p.payload1, p.msg1)
			add(p.payload2, p.msg2)
			add(p.payload3, p.msg3)
			for i, key := range [][KeySize]byte{p.initKeys.Receive, p.initKeys.Send, p.initKeys.Receive, p.initKeys.Send} {
				aead, err := NewAEAD(p.suite, key)
				require.NoError(t, err)
				payload := r.bytes(5 * i)
				add(payload, aead.Seal(nil, AppendNonce(nil, p.suite, uint64(i)/2), payload, nil))
			}
			file.Vectors = append(file.Vectors, v)
		}
	}
	raw, err := json.MarshalIndent(file, "", " ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(name, append(raw, '\n'), 0o644))
}
