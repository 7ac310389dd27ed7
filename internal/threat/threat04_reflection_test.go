package threat

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// reflector sends datagrams that might be answered, each from the address of a
// different victim, and counts the bytes that the hub sends to each victim.
type reflector struct {
	s      *scene
	random *rand.Rand
	seen   [][]byte // genuine packets that the attacker has seen
	sent   map[netip.AddrPort]int
	got    map[netip.AddrPort]int
	all    [2]int // bytes sent and reflected
}

func newReflector(s *scene) *reflector {
	m := &reflector{
		s: s, random: rand.New(rand.NewPCG(s.Seed(), 4)),
		sent: map[netip.AddrPort]int{}, got: map[netip.AddrPort]int{},
	}
	s.Tap(func(d sim.Datagram) (pass sim.Action) {
		if size, spoofed := m.sent[d.To]; spoofed {
			m.got[d.To] += len(d.Data)
			m.all[1] += len(d.Data)
			if m.got[d.To] > size {
				s.t.Errorf("%d bytes sent to %v in answer to %d", m.got[d.To], d.To, size)
			}
		}
		return pass
	})
	return m
}

// reflect sends one datagram from an address that is used for no other.
func (m *reflector) reflect(data []byte) {
	victim := v4(len(m.sent)%(1<<16), 1+len(m.sent)>>16)
	m.sent[victim] = len(data)
	m.all[0] += len(data)
	m.s.Inject(victim, m.s.hub.Addr(), data, time.Duration(m.random.Int64N(int64(time.Millisecond))))
}

// packet returns the next datagram to try: a first message without a cookie or
// with a wrong one, another handshake packet, Data with any index, random bytes,
// or an altered genuine packet.
func (m *reflector) packet() []byte {
	body := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(m.random.Uint32())
		}
		return b
	}
	suite := wire.AESGCM + wire.Suite(m.random.Uint32N(2))
	index := 1 + m.random.Uint32N(1<<10)
	kind := wire.PacketType(1 + len(m.sent)%7)
	switch kind {
	case wire.TypeInit:
		b := wire.AppendHeader(nil, wire.Header{Type: kind, Suite: suite, Sender: index})
		b = append(b, body(wire.InitSize-wire.HeaderSize)...)
		if m.random.Uint32N(2) == 0 {
			clear(wire.InitCookie(b))
		}
		return b
	case wire.TypeResponse, wire.TypeFinal, wire.TypeCookie:
		b := wire.AppendHeader(nil, wire.Header{Type: kind, Suite: suite, Receiver: index})
		length := map[wire.PacketType]int{
			wire.TypeResponse: wire.ResponseSize, wire.TypeFinal: wire.FinalSize, wire.TypeCookie: wire.CookiePacketSize,
		}[kind]
		return append(b, body(length-wire.HeaderSize)...)
	case wire.TypeData:
		b := wire.AppendHeader(nil, wire.Header{Type: kind, Receiver: index, Counter: m.random.Uint64N(1 << 12)})
		return append(b, body(int(m.random.Uint32N(1200)))...)
	case 6:
		return body(int(m.random.Uint32N(200)))
	}
	b := bytes.Clone(m.seen[m.random.Uint64N(uint64(len(m.seen)))])
	b[m.random.Uint64N(uint64(len(b)))] ^= 1 << m.random.Uint64N(8)
	return b
}

// An unproven address is never sent more bytes than came from it. A first message
// of 160 bytes is answered with at most 48; no other datagram is answered.
func TestThreat04Reflection(t *testing.T) {
	total := size(100_000)
	var m *reflector
	s, baseline, attacked := underAttack(t, 4, func(s *scene) {
		m = newReflector(s)
		genuine := s.Record(1 << 10)
		for _, p := range s.peers {
			p.Send(s.hub.Key(), greeting)
		}
		s.connect(s.node("observed", intentra.Config{}))
		for _, d := range genuine.Kept() {
			m.seen = append(m.seen, d.Data)
		}
		require.NotEmpty(t, m.seen)
		m.reflect(nil)
		m.reflect(make([]byte, wire.MaxDatagram))
		stop := s.Every(time.Millisecond, func() {
			for range max(total/int(honestTime/time.Millisecond), 1) {
				m.reflect(m.packet())
			}
		})
		s.After(honestTime, stop)
	})
	for victim, got := range m.got {
		require.LessOrEqual(t, got, m.sent[victim])
		require.Equal(t, [2]int{wire.InitSize, wire.CookiePacketSize}, [2]int{m.sent[victim], got}, "only first messages are answered, with a challenge")
	}
	require.NotEmpty(t, m.got, "no challenge was sent")
	in, _ := s.hub.Counts()
	dropped, _ := s.hub.AllDrops()
	answered := uint64(len(m.got))
	require.EqualValues(t, len(m.sent), dropped+answered, "each datagram is answered, or dropped and counted")
	require.Equal(t, in.Packets.In, in.Packets.Accepted+in.Packets.Consumed+dropped)
	require.Zero(t, s.hub.Stats().Strikes)
	require.Equal(t, baseline, attacked)
	report(t, 4, "%d spoofed datagrams of all kinds, %d bytes: %d challenges, %d bytes, %.2f of what was sent in all and %.3f to one address at most; %d dropped, by all reasons; honest delivery %s without, %s with",
		len(m.sent), m.all[0], answered, m.all[1], float64(m.all[1])/float64(m.all[0]),
		float64(wire.CookiePacketSize)/float64(wire.InitSize), dropped, percent(baseline), percent(attacked))
}
