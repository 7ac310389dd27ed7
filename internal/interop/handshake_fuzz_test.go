package interop_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/wire"
)

// The attackers of FuzzHandshake are MOD and a peer that announces anything in its
// Hello. The oracle is the client implemented from the document. With the same keys
// our dialer and the client produce the same Init and Final, byte for byte, and
// accept and reject the same Cookie and Response packets. After a successful
// handshake both and our responder have the same keys.
func FuzzHandshake(f *testing.F) {
	least := announcement{index: 9, packetRate: 1, packetBurst: 1, idle: 1, maxDatagram: 256, window: 1024}
	hello := announce(least)
	for what := range byte(4) {
		f.Add(what, []byte("keys"), hello, what, uint16(40), byte(0))
		f.Add(what, []byte("other keys"), hello, what, uint16(what), byte(1))
	}
	f.Add(byte(0), []byte{}, make([]byte, helloSize), byte(3), uint16(0), byte(0))
	f.Add(byte(1), []byte{1}, bytes.Repeat([]byte{255}, helloSize), byte(3), uint16(0), byte(0))
	for _, spoil := range []func(*announcement){
		func(a *announcement) { a.index = 0 },
		func(a *announcement) { a.packetRate = 0 },
		func(a *announcement) { a.packetBurst = 0 },
		func(a *announcement) { a.idle = 0 },
		func(a *announcement) { a.maxDatagram = 255 },
		func(a *announcement) { a.window = 1023 },
	} {
		bad := least
		spoil(&bad)
		f.Add(byte(1), []byte{1}, announce(bad), byte(3), uint16(0), byte(0))
	}
	f.Fuzz(func(t *testing.T, suite byte, keys, announced []byte, what byte, at uint16, xor byte) {
		h := newTrio(t, 1+suite%2, keys, fit(announced))
		change := func(kind byte, b []byte) []byte {
			b = bytes.Clone(b)
			if what%4 == kind {
				b[int(at)%len(b)] ^= xor
			}
			return b
		}
		h.init()
		if !h.cookie(change(1, h.challenge())) {
			return
		}
		response := h.response()
		if !h.read(change(2, response)) {
			return
		}
		h.final(change(3, h.client.final(response)))
	})
}

// fit returns a Hello made of any bytes.
func fit(b []byte) []byte { return append(bytes.Clone(b), make([]byte, helloSize)...)[:helloSize] }

// trio is our dialer and the document's client, with the same keys, and our
// responder.
type trio struct {
	t         *testing.T
	suite     wire.Suite
	client    *client
	initiator *noise.Initiator
	responder *noise.Responder
	packet    []byte // Init
	announced []byte // both Hellos without the Index
	private   [4][32]byte
}

func newTrio(t *testing.T, suite byte, keys, announced []byte) *trio {
	h := &trio{t: t, suite: wire.Suite(suite), announced: announced}
	for i := range h.private {
		h.private[i] = sha256.Sum256(append(bytes.Clone(keys), byte(i)))
	}
	index := sha256.Sum256(keys)
	h.client = &client{
		suite: suite, static: privateKey(h.private[0][:]), ephemeral: privateKey(h.private[1][:]),
		index: join([]byte{1}, index[:3]), hello: announced[4:],
	}
	return h
}

// init makes both dialers produce Init, and compares.
func (h *trio) init() {
	t, c := h.t, h.client
	prologue := join([]byte("intentra handshake"), []byte{1, c.suite}, c.index)
	h.initiator = must(noise.NewInitiator(h.suite, must(noise.NewStatic(h.private[0])), prologue, h.private[1]))
	h.responder = must(noise.NewResponder(h.suite, must(noise.NewStatic(h.private[2])), prologue, h.private[3]))
	m1 := must(h.initiator.WriteInit(make([]byte, wire.InitPadding)))
	h.packet = wire.AppendHeader(nil, wire.Header{Type: wire.TypeInit, Suite: h.suite, Sender: binary.BigEndian.Uint32(c.index)})
	h.packet = append(append(h.packet, m1...), make([]byte, wire.CookieSize)...)
	c.start()
	require.Equal(t, c.init, h.packet)
}

func (h *trio) challenge() []byte {
	return cookie.AppendChallenge(nil, h.packet, [wire.CookieSize]byte(h.announced))
}

// cookie passes a Cookie packet to both dialers, and compares.
func (h *trio) cookie(b []byte) bool {
	taken := h.client.cookie(b) == nil
	header, fault := wire.ParseHeader(b)
	cookie, ok := cookie.OpenChallenge(h.packet, b)
	ok = ok && fault == wire.FaultNone && header.Type == wire.TypeCookie && header.Suite == h.suite
	require.Equal(h.t, taken, ok)
	if taken {
		if cookie != ([wire.CookieSize]byte{}) { // otherwise: wait
			copy(wire.InitCookie(h.packet), cookie[:])
		}
		require.Equal(h.t, h.client.init, h.packet)
	}
	return taken
}

// response returns our responder's Response.
func (h *trio) response() []byte {
	_, err := h.responder.ReadInit(wire.NoiseMessage(h.packet), wire.InitPadding)
	require.NoError(h.t, err)
	m2 := must(h.responder.WriteResponse(h.announced))
	return append(wire.AppendHeader(nil, wire.Header{
		Type: wire.TypeResponse, Suite: h.suite, Receiver: binary.BigEndian.Uint32(h.client.index),
	}), m2...)
}

// read passes a Response to both dialers, and compares.
func (h *trio) read(b []byte) bool {
	hello, err := h.clientReads(b)
	taken := err == nil && sound(hello)
	header, fault := wire.ParseHeader(b)
	ok := fault == wire.FaultNone && header.Type == wire.TypeResponse && header.Suite == h.suite &&
		header.Receiver == binary.BigEndian.Uint32(h.client.index)
	if ok {
		payload, remote, err := h.initiator.ReadResponse(wire.NoiseMessage(b), wire.HelloSize)
		if ok = err == nil; ok {
			_, ok = wire.ParseHello(payload)
			require.Equal(h.t, h.client.responder, remote[:])
		}
	}
	require.Equal(h.t, taken, ok)
	return taken
}

// clientReads returns the Hello that the client reads from a Response. A panic of
// the client's primitives counts as a rejection.
func (h *trio) clientReads(b []byte) (hello []byte, err error) {
	defer func() {
		if recover() != nil {
			err = errRefused
		}
	}()
	return h.client.response(b)
}

// sound reports whether a Hello satisfies section 2.
func sound(hello []byte) bool {
	number := binary.BigEndian.Uint32
	return number(hello) != 0 && number(hello[8:]) != 0 && number(hello[12:]) != 0 && number(hello[24:]) != 0 &&
		binary.BigEndian.Uint16(hello[36:]) >= 256 && binary.BigEndian.Uint16(hello[38:]) >= 1024
}

const helloSize = 48

// announcement is the fields of a Hello (section 2). Missing fields are zero.
type announcement struct {
	index, packetRate, packetBurst, idle uint32
	maxDatagram, window                  uint16
}

// announce encodes a (section 2).
func announce(a announcement) []byte {
	b := make([]byte, helloSize)
	binary.BigEndian.PutUint32(b[0:], a.index)
	binary.BigEndian.PutUint32(b[8:], a.packetRate)
	binary.BigEndian.PutUint32(b[12:], a.packetBurst)
	binary.BigEndian.PutUint32(b[24:], a.idle)
	binary.BigEndian.PutUint16(b[36:], a.maxDatagram)
	binary.BigEndian.PutUint16(b[38:], a.window)
	return b
}

// final compares the Finals of both dialers and, if it reaches the responder
// unchanged, the keys of all three.
func (h *trio) final(b []byte) {
	t, c := h.t, h.client
	m3, ours, err := h.initiator.WriteFinal(c.hello)
	require.NoError(t, err)
	genuine := append(wire.AppendHeader(nil, wire.Header{
		Type: wire.TypeFinal, Suite: h.suite, Receiver: binary.BigEndian.Uint32(c.remoteIndex),
	}), m3...)
	require.Equal(t, c.k1, ours.Send[:])
	require.Equal(t, c.k2, ours.Receive[:])
	require.Equal(t, c.noise.h, ours.Hash[:])
	if _, fault := wire.ParseHeader(b); fault != wire.FaultNone {
		return
	}
	payload, theirs, err := h.responder.ReadFinal(wire.NoiseMessage(b), wire.HelloSize)
	require.Equal(t, bytes.Equal(genuine[wire.HeaderSize:], b[wire.HeaderSize:]), err == nil)
	if err == nil {
		require.Equal(t, c.hello, payload)
		require.Equal(t, c.k1, theirs.Receive[:])
		require.Equal(t, c.k2, theirs.Send[:])
		require.Equal(t, c.static.PublicKey().Bytes(), theirs.Remote[:])
	}
}
