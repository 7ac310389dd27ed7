package conn_test

import (
	"bytes"
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// The steps of an input of FuzzOffPath, by the first byte modulo their number;
// the second byte chooses the address.
const (
	anyDatagram  = iota // of any bytes
	anyBody             // a well-formed header, any body
	dialIn              // an Init with the last cookie that this address got
	answerBack          // a Final for the index of the last Response
	guessIndex          // Data for an index that may be live
	waitABit            // up to 1 s
	offPathSteps        // the number of steps
)

// The caps of the victim of FuzzOffPath.
const (
	victimHandshakes = 4 // in flight
	victimPerAddress = 2 // of them from one address
)

// FuzzOffPath is OFF of docs/THREATMODEL.md with any number of addresses, where
// it receives what is sent there. It has no key that is allowed and sees nothing
// else. No address is ever sent more than came from it; no peer, session or
// strike results; the table of handshakes stays within its caps and empties by
// itself; and two connected peers lose nothing.
func FuzzOffPath(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{dialIn, 0, 9, dialIn, 0, 9, answerBack, 0, 3, answerBack, 0, 3, waitABit, 0, 255})
	f.Add([]byte{dialIn, 0, 1, dialIn, 1, 1, dialIn, 0, 1, dialIn, 1, 1, dialIn, 0x80, 2, dialIn, 0x80, 2, dialIn, 0, 3, dialIn, 0, 3, dialIn, 0, 4, dialIn, 0, 4})
	f.Add([]byte{anyDatagram, 1, 4, 0x11, 0, 0, 0, anyBody, 2, 0x12, 7, anyBody, 3, 0x15, 7, guessIndex, 0, 1, 9, guessIndex, 0x80, 2, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		w := newWorld(t, 1)
		a, b := w.pair(func(c *conn.Config) {
			c.MaxHandshakes, c.MaxHandshakesPerAddress, c.HandshakeTimeout = victimHandshakes, victimPerAddress, time.Second
			c.Authorize = func(_ context.Context, h conn.Handshake) bool { return h.Key == w.nodes[0].Key() }
		})
		s := &offPathAttacker{world: w, victim: b, in: in, received: map[netip.AddrPort]int{}, sent: map[netip.AddrPort]int{}, heard: map[netip.AddrPort]map[wire.PacketType][]byte{}}
		w.tap = s.observe
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
		require.Zero(t, b.Stats().HandshakesInFlight, "handshakes in flight after their time-out")
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

// offPathAttacker sends the victim packets from its addresses.
type offPathAttacker struct {
	*world
	victim         *node
	in             []byte
	received, sent map[netip.AddrPort]int                        // bytes, from and to each address
	heard          map[netip.AddrPort]map[wire.PacketType][]byte // the last packet of each type
}

func (s *offPathAttacker) observe(from, to netip.AddrPort, data []byte) bool {
	if from == s.victim.Addr() && to != s.nodes[0].Addr() {
		s.sent[to] += len(data)
		if s.heard[to] == nil {
			s.heard[to] = map[wire.PacketType][]byte{}
		}
		s.heard[to][wire.PacketType(data[0]&15)] = bytes.Clone(data)
		require.LessOrEqual(s.t, s.sent[to], s.received[to], "bytes sent to %v", to)
	}
	return true
}

func (s *offPathAttacker) next() byte {
	if len(s.in) == 0 {
		return 0
	}
	v := s.in[0]
	s.in = s.in[1:]
	return v
}

// bytes returns up to n of the next bytes.
func (s *offPathAttacker) bytes(n int) []byte {
	n = min(n, len(s.in))
	b := s.in[:n:n]
	s.in = s.in[n:]
	return b
}

func (s *offPathAttacker) send(from netip.AddrPort, data []byte) {
	s.received[from] += len(data)
	s.Inject(from, s.victim.Addr(), data, 0)
	s.run(0)
}

func (s *offPathAttacker) step() {
	op, who := s.next(), s.next()
	from := otherAddr(203+who>>7, who%128)
	switch op % offPathSteps {
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
		// The index is encrypted in the Response: assume that it is known.
		h.Receiver = max(h.Receiver, s.victim.Endpoint().HandshakeFrom(from))
		s.send(from, append(wire.AppendHeader(nil, h), bytes.Repeat([]byte{who}, wire.FinalSize-wire.HeaderSize)...))
	case guessIndex:
		h := wire.Header{Type: wire.TypeData, Receiver: uint32(s.next()), Counter: uint64(who)}
		if who%2 == 1 {
			h.Receiver = uint32(s.victim.session(s.nodes[0]).Current()) // a correct guess
		}
		s.send(from, append(wire.AppendHeader(nil, h), make([]byte, 17+s.next())...))
	case waitABit:
		s.run(time.Duration(s.next()) * 4 * time.Millisecond)
	}
}

func (s *offPathAttacker) check() {
	st := s.victim.Stats()
	require.LessOrEqual(s.t, st.HandshakesInFlight, victimHandshakes)
	require.LessOrEqual(s.t, s.victim.Endpoint().MostHandshakes(), victimPerAddress)
	require.Equal(s.t, 1, st.Peers)
	require.Equal(s.t, 1, st.Sessions)
	require.Zero(s.t, st.Strikes)
	require.Zero(s.t, st.HeldBytes)
}
