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

// closeForger wants sessions to end, or not to begin. He does not see the wire, but
// knows everything that is not secret: who talks to whom at what address and
// under what indexes, and who dials.
type closeForger struct {
	s     *scene
	paths []path
	inits map[netip.AddrPort]uint32 // the index of who dials
}

// path is a way that packets of a session take.
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

// forgeries are what he sends to end a session of which a side has the index:
// Close frames that are not sealed, and whatever might pass for a reset.
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

// No forged Close, nothing that might pass for a reset and no forged cookie
// challenge ends a session, moves it, or holds up one that begins.
func TestThreat20ForgedClosesAndChallenges(t *testing.T) {
	var b *closeForger
	sent := map[string]int{} // to the hub and to its peers
	cookies := 0             // to those that dial
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
		// A newcomer is offered false cookies all the while.
		s.After(time.Second, func() { during = s.arrive("during", netip.AddrPort{}) })
		s.Every(time.Millisecond, func() {
			if during == nil || during.up || b.inits[during.Addr()] == 0 {
				return
			}
			h := wire.Header{Type: wire.TypeCookie, Suite: wire.AESGCM, Receiver: b.inits[during.Addr()]}
			p := append(wire.AppendHeader(nil, h), make([]byte, wire.CookieSize+wire.MACSize)...)
			p[wire.HeaderSize] = byte(cookies) // each another one
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
	require.Equal(t, before.took, during.took, "the newcomer is up as soon as in baseline")
	bad := during.Handshakes(conn.HandshakeBadCookie)
	require.Positive(t, bad)
	sent["reset"] += cookies
	require.Equal(t, sent, drops)
	require.Equal(t, baseline, attacked)
	report(t, 20, "forged: %d closes: aead/forged; %d resets and cookies: header/handshake, of them handshakes{unknown} %d; %d of unknown types: header/type; "+
		"sessions closed 0, roams 0; %d false cookies for a newcomer: bad_cookie %d, up within %v as in baseline; honest delivery %s without, %s with",
		sent["close"], sent["reset"], unknown, sent["type"], cookies, bad, during.took, percent(baseline), percent(attacked))
}
