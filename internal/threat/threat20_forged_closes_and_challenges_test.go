package threat

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// closeForger tries to end sessions and to prevent handshakes. It does not see the
// wire, but knows everything that is not secret: the addresses and indexes of all
// sessions, and who dials.
type closeForger struct {
	s     *scene
	paths []path
	inits map[netip.AddrPort]uint32 // the dialers' indexes
}

// path is one direction of a session.
type path struct {
	from, to netip.AddrPort
	index    uint32 // the receiver's
}

func newCloseForger(s *scene) *closeForger {
	b := &closeForger{s: s, inits: map[netip.AddrPort]uint32{}}
	s.Tap(func(d sim.Datagram) (pass sim.Action) {
		h, _ := wire.ParseHeader(d.Data)
		switch h.Type {
		case wire.TypeData:
			if p := (path{d.From, d.To, h.Receiver}); !slices.Contains(b.paths, p) {
				b.paths = append(b.paths, p)
			}
		case wire.TypeInit:
			b.inits[d.From] = h.Sender
		}
		return pass
	})
	return b
}

// forgeries returns packets that might end the session with the given receiver
// index: unsealed Close frames, and packets that might be taken for a reset.
func (b *closeForger) forgeries(index uint32, counter uint64) (closes, resets, types [][]byte) {
	packet := func(t wire.PacketType, n int) []byte {
		h := wire.Header{Type: t, Receiver: index}
		if t == wire.TypeData {
			h.Counter = counter
		} else {
			h.Suite = wire.AESGCM
		}
		return append(wire.AppendHeader(nil, h), make([]byte, n-wire.HeaderSize)...)
	}
	for _, reason := range wire.CloseReasons() {
		p := packet(wire.TypeData, wire.Overhead+2)
		wire.AppendClose(p[:wire.HeaderSize], reason)
		closes = append(closes, p)
	}
	resets = [][]byte{
		packet(wire.TypeFinal, wire.FinalSize), packet(wire.TypeResponse, wire.ResponseSize), packet(wire.TypeCookie, wire.CookiePacketSize),
	}
	for t := range wire.PacketType(16) {
		if t == 0 || t > wire.TypeCookie {
			types = append(types, packet(t, wire.Overhead+2))
		}
	}
	return closes, resets, types
}

// Forged Close frames, resets and cookie challenges neither end nor move a session,
// nor delay a handshake.
func TestThreat20ForgedClosesAndChallenges(t *testing.T) {
	var b *closeForger
	sent := map[string]int{} // to the hub and to its peers
	cookies := 0             // forged challenges to the dialer
	each := 50 * time.Millisecond
	if size(10) < 10 {
		each *= 10
	}
	var before, during *newcomer
	s, baseline, attacked := underAttack(t, 20, func(s *scene) {
		b = newCloseForger(s)
		before = s.arrive("before", netip.AddrPort{})
		for _, p := range s.peers {
			p.Send(s.hub.Key(), greeting)
			s.hub.Send(p.Key(), greeting)
		}
		s.run(time.Second)
		require.True(t, before.up)
		counter := uint64(0)
		send := func(kind string, from, to netip.AddrPort, all [][]byte) {
			for _, p := range all {
				s.Inject(from, to, p, 0)
				sent[kind]++
			}
		}
		s.Every(each, func() {
			for _, p := range b.paths {
				counter++
				closes, resets, types := b.forgeries(p.index, counter)
				send("close", p.from, p.to, closes)
				send("reset", p.from, p.to, resets)
				send("type", p.from, p.to, types)
			}
		})
		// A newcomer is sent forged challenges all the time.
		s.After(time.Second, func() { during = s.arrive("during", netip.AddrPort{}) })
		s.Every(time.Millisecond, func() {
			if during == nil || during.up || b.inits[during.Addr()] == 0 {
				return
			}
			h := wire.Header{Type: wire.TypeCookie, Suite: wire.AESGCM, Receiver: b.inits[during.Addr()]}
			p := append(wire.AppendHeader(nil, h), make([]byte, wire.CookieSize+wire.MACSize)...)
			p[wire.HeaderSize] = byte(cookies) // makes each cookie different
			s.Inject(s.hub.Addr(), during.Addr(), p, 0)
			cookies++
		})
	})
	drops := map[string]int{}
	unknown := uint64(0)
	for _, n := range s.Nodes() {
		drops["close"] += int(n.Drops("aead", "forged"))
		drops["reset"] += int(n.Drops("header", "handshake"))
		drops["type"] += int(n.Drops("header", "type"))
		unknown += n.Handshakes(conn.HandshakeUnknown)
		require.Zero(t, closes(n.Stats()), n.Name())
		require.Zero(t, n.Stats().Roams+n.Stats().Strikes, n.Name())
		require.Zero(t, n.Heard(conn.PeerDown), n.Name())
	}
	require.True(t, during.up)
	require.Equal(t, before.took, during.took, "the newcomer connects as fast as without the attack")
	bad := during.Handshakes(conn.HandshakeBadCookie)
	require.Positive(t, bad)
	sent["reset"] += cookies
	require.Equal(t, sent, drops)
	require.Equal(t, baseline, attacked)
	report(t, 20, "forged: %d closes: aead/forged; %d resets and cookies: header/handshake, of them handshakes{unknown} %d; %d of unknown types: header/type; "+
		"sessions closed 0, roams 0; %d false cookies for a newcomer: bad_cookie %d, up within %v as without; honest delivery %s without, %s with",
		sent["close"], sent["reset"], unknown, sent["type"], cookies, bad, during.took, percent(baseline), percent(attacked))
}
