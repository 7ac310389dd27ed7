package stages_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/wire"
)

// The kinds of datagrams that an input of FuzzChain is made of. Each takes three
// bytes (kind, argument, length) and its body.
const (
	anyBytes  = iota // from anyone
	byPeer0          // the body as frames under a counter of the peer's choice,
	byPeer1          // sealed by a malicious peer
	again            // an earlier datagram, unchanged
	flipped          // an earlier datagram, one bit changed
	byChain          // the body as a message, through the outbound chain
	proven           // the last challenged Init, with its cookie
	laterKind        // nothing; time passes
	kinds
)

func item(kind, argument byte, body []byte) []byte {
	if len(body) > 255 {
		panic("too long for an input")
	}
	return append([]byte{kind, argument, byte(len(body))}, body...)
}

// FuzzChain is everyone at once: strangers, observers who repeat and change what
// they have seen, and malicious peers with keys. Nothing panics; every packet
// and message is accounted for; only what a peer has sealed is taken for its
// own, each counter once; no answer is longer than what it answers; and no byte
// outside of a datagram changes.
func FuzzChain(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		r := newRig(t, nil)
		c := &crowd{rig: r, inits: map[string]bool{}, taken: map[packetName]bool{}}
		for len(input) >= 3 && len(c.sent) < 100 {
			kind, argument := input[0], input[1]
			n := min(int(input[2]), len(input)-3)
			c.send(kind%kinds, argument, input[3:3+n])
			input = input[3+n:]
		}
		for _, l := range links {
			r.set.Ack.Release(r.in, l.session)
			r.in.CloseSession(pipeline.SessionNotice{Session: l.session})
		}
		require.Zero(t, r.set.Ack.HeldBytes())
		r.drops()
	})
}

// crowd sends datagrams to a rig.
type crowd struct {
	*rig
	sent  [][]byte
	init  []byte          // the last that was challenged, with its cookie
	inits map[string]bool // all of these
	taken map[packetName]bool
}

type packetName struct {
	epoch   pipeline.ID
	counter uint64
}

func (c *crowd) send(kind, argument byte, body []byte) {
	switch kind {
	case anyBytes:
		c.deliver(body)
	case byPeer0, byPeer1:
		c.deliver(c.sealedByPeer(links[kind-byPeer0], uint64(argument), body))
	case again, flipped:
		if len(c.sent) == 0 {
			return
		}
		data := bytes.Clone(c.sent[int(argument)%len(c.sent)])
		if kind == flipped && len(data) > 0 {
			bit := (len(body)*8 + int(argument)) % (8 * len(data))
			data[bit/8] ^= 1 << (bit % 8)
		}
		c.deliver(data)
	case byChain:
		l := links[argument%2]
		tracker := c.set.Ack.Tracker(l.session, l.epoch)
		c.begin(l, tracker.Next())
		c.o.Sequence, c.o.Distance = uint64(argument>>4), uint16(argument>>6)
		if 1+argument>>2%4 <= 3 && uint64(c.o.Distance) <= c.o.Sequence {
			c.add(uint32(argument), pipeline.Intent(1+argument>>2%4), body)
		}
		data := c.seal()
		tracker.Sent(c.now, 1, true, new(ack.Outcome))
		c.deliver(data)
	case proven:
		handshakes := c.handshakes
		if c.init != nil && c.deliver(c.init) == pipeline.Consumed && len(c.p.Reply) == 0 {
			require.Equal(c.t, handshakes+1, c.handshakes)
		}
	case laterKind:
		c.now += pipeline.Time(argument) * 10 * millisecond
	}
}

// sealedByPeer seals any frames under any counter, as often as one likes.
func (c *crowd) sealedByPeer(l link, counter uint64, frames []byte) []byte {
	header := wire.AppendHeader(nil, wire.Header{Type: wire.TypeData, Receiver: uint32(l.epoch), Counter: counter})
	return append(header, l.cipher(c.t).Seal(nil, noise.AppendNonce(nil, l.suite, counter), frames, header)...)
}

// authentic opens a copy of data with the keys of both peers.
func (c *crowd) authentic(data []byte) (name packetName, ok bool) {
	h, fault := wire.ParseHeader(data)
	for _, l := range links {
		if fault == wire.FaultNone && h.Type == wire.TypeData && h.Receiver == uint32(l.epoch) {
			_, err := l.cipher(c.t).Open(nil, noise.AppendNonce(nil, l.suite, h.Counter), data[wire.HeaderSize:], data[:wire.HeaderSize])
			return packetName{l.epoch, h.Counter}, err == nil
		}
	}
	return name, false
}

func (c *crowd) deliver(data []byte) pipeline.Verdict {
	const margin = 48
	arena := bytes.Repeat([]byte{0xa5}, 2*margin+len(data))
	copy(arena[margin:], data)
	data = bytes.Clone(data)
	c.sent = append(c.sent, data)
	name, authentic := c.authentic(data)
	before := c.handshakes

	v := c.receive(arena[margin : margin+len(data)])
	require.Equal(c.t, authentic && !c.taken[name], c.p.Fresh())
	if c.p.Fresh() {
		require.Equal(c.t, name, packetName{c.p.Epoch, c.p.Counter})
		c.taken[name] = true
	}
	if !c.p.Fresh() {
		require.NotEqual(c.t, pipeline.Accept, v)
		require.False(c.t, c.p.Struck())
	}
	kind, _, ok := wire.Peek(data)
	isInit := ok && kind == wire.TypeInit
	require.LessOrEqual(c.t, len(c.p.Reply), len(data))
	require.True(c.t, len(c.p.Reply) == 0 || isInit)
	require.Equal(c.t, v == pipeline.Consumed, len(c.p.Reply) > 0 || c.handshakes > before)
	require.False(c.t, c.handshakes > before && len(c.p.Reply) > 0)
	if len(c.p.Reply) > 0 {
		offered, ok := cookie.OpenChallenge(data, c.p.Reply)
		require.True(c.t, ok)
		c.init = append(bytes.Clone(wire.InitWithoutCookie(data)), offered[:]...)
		c.inits[string(c.init)] = true
	} else if isInit && c.handshakes > before {
		require.True(c.t, c.inits[string(data)], "a handshake without a cookie")
	}
	require.Equal(c.t, bytes.Repeat([]byte{0xa5}, margin), arena[:margin])
	require.Equal(c.t, bytes.Repeat([]byte{0xa5}, margin), arena[margin+len(data):])
	c.drops()
	return v
}

// seeds are real packets of live epochs, handshake packets, and garbage.
func seeds(f *testing.F) (list [][]byte) {
	r := newRig(f, nil)
	message := func(t wire.FrameType, payload string) []byte { return wire.AppendMessage(nil, t, 7, []byte(payload)) }
	reliable := func(seq uint64, distance uint16) []byte {
		return wire.AppendReliable(nil, 3, seq, distance, []byte("r"))
	}
	acked := wire.AppendAck(nil, &wire.Ack{Largest: 1, Bitmap: wire.AckBitmap{1}})
	frames := [][]byte{
		message(wire.FrameRealtime, "now"), message(wire.FrameLatest, "newest"), reliable(0, 0), reliable(2, 1), reliable(1, 1), acked,
		wire.AppendPing(nil), wire.AppendClose(nil, wire.CloseNormal), wire.AppendPath(nil, wire.FramePathChallenge, [8]byte{1}),
		wire.AppendRekey(nil, wire.RekeyInit, []byte("noise")), {0}, {99},
	}
	var all, both []byte
	for i, frame := range frames {
		both = append(both, item(byPeer0+byte(i%2), byte(i), frame)...)
		all = append(all, frame...)
	}
	list = append(list, both, item(byPeer0, 1, all[:len(all)-1]), item(byPeer1, 1, all))
	for _, l := range links {
		r.begin(l, 5)
		r.add(1, pipeline.Realtime, []byte("state"))
		genuine := item(anyBytes, 0, r.seal())
		list = append(list, append(bytes.Clone(genuine), genuine...), append(genuine, item(flipped, 77, []byte("11"))...))
	}
	for _, h := range []wire.Header{
		{Type: wire.TypeInit, Suite: wire.AESGCM, Sender: 9},
		{Type: wire.TypeResponse, Suite: wire.ChaChaPoly, Receiver: 9},
		{Type: wire.TypeFinal, Suite: wire.AESGCM, Receiver: uint32(links[0].epoch)},
		{Type: wire.TypeCookie, Suite: wire.AESGCM, Receiver: 9},
	} {
		sizes := map[wire.PacketType]int{
			wire.TypeInit: wire.InitSize, wire.TypeResponse: wire.ResponseSize, wire.TypeFinal: wire.FinalSize, wire.TypeCookie: wire.CookiePacketSize,
		}
		packet := make([]byte, sizes[h.Type])
		copy(packet, wire.AppendHeader(nil, h))
		list = append(list, append(append(item(anyBytes, 0, packet), item(again, 0, nil)...), item(proven, 0, nil)...))
	}
	chain := append(item(byChain, 0, []byte("a")), item(byChain, 4, []byte("b"))...)
	chain = append(append(chain, item(byChain, 8, []byte("c"))...), item(laterKind, 3, nil)...)
	list = append(list, append(chain, item(byChain, 0x18, []byte("d"))...), item(anyBytes, 0, nil), item(anyBytes, 0, []byte{0x11}))
	return list
}
