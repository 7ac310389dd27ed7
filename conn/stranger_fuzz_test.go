package conn_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// The steps that an input of FuzzStranger is made of, by the first byte; the
// second chooses the address.
const (
	anyDatagram   = iota // of any bytes
	anyBody              // a well-formed header, any body
	dialIn               // Init, with the cookie that this address was given last
	answerBack           // Final, to the index of the last Response
	guessIndex           // Data for an index that may live
	waitABit             // up to 1 s
	strangerSteps        // how many there are
)

// The caps of the victim of FuzzStranger.
const (
	strangerHandshakes = 4 // in flight
	strangerPerAddress = 2 // of them from one address
)

// FuzzStranger is OFF with as many addresses as it likes, at which it hears what
// is sent there; it has no key that is allowed and sees nothing of others. No
// address is ever sent more than came from it; no peer, session or strike comes
// of it; the table of handshakes keeps to its caps and empties by itself; and two
// peers that talk meanwhile lose nothing.
func FuzzStranger(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{dialIn, 0, 9, dialIn, 0, 9, answerBack, 0, 3, answerBack, 0, 3, waitABit, 0, 255})
	f.Add([]byte{dialIn, 0, 1, dialIn, 1, 1, dialIn, 0, 1, dialIn, 1, 1, dialIn, 0x80, 2, dialIn, 0x80, 2, dialIn, 0, 3, dialIn, 0, 3, dialIn, 0, 4, dialIn, 0, 4})
	f.Add([]byte{anyDatagram, 1, 4, 0x11, 0, 0, 0, anyBody, 2, 0x12, 7, anyBody, 3, 0x15, 7, guessIndex, 0, 1, 9, guessIndex, 0x80, 2, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		w := newWorld(t, 1)
		a, b := w.pair(func(c *conn.Config) {
			c.MaxHandshakes, c.MaxHandshakesPerAddress, c.HandshakeTimeout = strangerHandshakes, strangerPerAddress, time.Second
			c.Authorize = func(k [conn.KeySize]byte) bool { return k == w.nodes[0].Key() }
		})
		s := &stranger{world: w, victim: b, in: in, got: map[netip.AddrPort]int{}, sent: map[netip.AddrPort]int{}, heard: map[netip.AddrPort]map[wire.PacketType][]byte{}}
		w.tap = s.hear
		for step := 0; len(s.in) > 0 && step < 60; step++ {
			s.step()
			if step%8 == 0 {
				a.push(b, 1, pipeline.Reliable, number(step, 8))
				b.push(a, 1, pipeline.Reliable, number(step, 8))
			}
			w.run(time.Millisecond)
			s.check()
		}
		w.run(3 * time.Second)
		require.Zero(t, b.Stats().HandshakesInFlight, "they time out")
		require.Equal(t, 1, b.Stats().Peers)
		require.Equal(t, len(a.got), len(b.got))
		for i := range a.got {
			require.Equal(t, a.got[i].payload, b.got[i].payload)
		}
		require.Equal(t, 1, a.count(conn.PeerUp))
		require.Zero(t, a.count(conn.PeerDown)+b.count(conn.PeerDown))
		w.checkAll()
		w.closeAll()
	})
}

// stranger is somebody with addresses.
type stranger struct {
	*world
	victim    *node
	in        []byte
	got, sent map[netip.AddrPort]int                        // bytes, by the victim
	heard     map[netip.AddrPort]map[wire.PacketType][]byte // the last of each type
}

func (s *stranger) hear(from, to netip.AddrPort, data []byte) bool {
	if from == s.victim.Addr() && to != s.nodes[0].Addr() {
		s.sent[to] += len(data)
		if s.heard[to] == nil {
			s.heard[to] = map[wire.PacketType][]byte{}
		}
		s.heard[to][wire.PacketType(data[0]&15)] = bytes.Clone(data)
		require.LessOrEqual(s.t, s.sent[to], s.got[to], "more than was asked with")
	}
	return true
}

func (s *stranger) next() byte {
	if len(s.in) == 0 {
		return 0
	}
	v := s.in[0]
	s.in = s.in[1:]
	return v
}

// bytes are the next up to n.
func (s *stranger) bytes(n int) []byte {
	n = min(n, len(s.in))
	b := s.in[:n:n]
	s.in = s.in[n:]
	return b
}

func (s *stranger) send(from netip.AddrPort, data []byte) {
	s.got[from] += len(data)
	s.Inject(from, s.victim.Addr(), data, 0)
	s.run(0)
}

func (s *stranger) step() {
	op, who := s.next(), s.next()
	from := otherAddr(203+who>>7, who%128)
	switch op % strangerSteps {
	case anyDatagram:
		s.send(from, s.bytes(int(s.next())))
	case anyBody:
		types := []wire.PacketType{wire.TypeInit, wire.TypeResponse, wire.TypeFinal, wire.TypeCookie}
		h := wire.Header{Type: types[who%4], Suite: wire.AESGCM, Receiver: uint32(s.next())}
		if h.Type == wire.TypeInit {
			h.Receiver, h.Sender = 0, 1+uint32(who)
		}
		size := map[wire.PacketType]int{
			wire.TypeInit: wire.InitSize, wire.TypeResponse: wire.ResponseSize, wire.TypeFinal: wire.FinalSize, wire.TypeCookie: wire.CookiePacketSize,
		}[h.Type]
		s.send(from, append(append(wire.AppendHeader(nil, h), s.bytes(8)...), make([]byte, size)...)[:size])
	case dialIn:
		init := wire.AppendHeader(nil, wire.Header{Type: wire.TypeInit, Suite: wire.AESGCM, Sender: 1 + uint32(who)})
		init = append(init, bytes.Repeat([]byte{s.next()}, 32)...)
		init = append(init, make([]byte, wire.InitPadding+wire.CookieSize)...)
		if challenge := s.heard[from][wire.TypeCookie]; challenge != nil {
			cookie, _ := wire.CookiePacket(challenge)
			copy(wire.InitCookie(init), cookie)
		}
		s.send(from, init)
	case answerBack:
		h := wire.Header{Type: wire.TypeFinal, Suite: wire.AESGCM, Receiver: uint32(s.next())}
		// The index stands encrypted in the Response; let it be known.
		h.Receiver = max(h.Receiver, s.victim.Endpoint().HandshakeFrom(from))
		s.send(from, append(wire.AppendHeader(nil, h), bytes.Repeat([]byte{who}, wire.FinalSize-wire.HeaderSize)...))
	case guessIndex:
		h := wire.Header{Type: wire.TypeData, Receiver: uint32(s.next()), Counter: uint64(who)}
		if who%2 == 1 {
			h.Receiver = uint32(s.victim.session(s.nodes[0]).Current()) // guessed right
		}
		s.send(from, append(wire.AppendHeader(nil, h), make([]byte, 17+s.next())...))
	case waitABit:
		s.run(time.Duration(s.next()) * 4 * time.Millisecond)
	}
}

func (s *stranger) check() {
	st := s.victim.Stats()
	require.LessOrEqual(s.t, st.HandshakesInFlight, strangerHandshakes)
	require.LessOrEqual(s.t, s.victim.Endpoint().MostHandshakes(), strangerPerAddress)
	require.Equal(s.t, 1, st.Peers)
	require.Equal(s.t, 1, st.Sessions)
	require.Zero(s.t, st.Strikes)
	require.Zero(s.t, st.HeldBytes)
}
