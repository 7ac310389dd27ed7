package threat

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// handshakeReplayer replays recorded handshake packets to their receivers, from
// the original address and from others.
type handshakeReplayer struct {
	s    *scene
	kept []sim.Datagram
	sent map[wire.PacketType]int
	next int
}

func newHandshakeReplayer(s *scene, r *sim.Recorder) *handshakeReplayer {
	return &handshakeReplayer{
		s: s, sent: map[wire.PacketType]int{},
		kept: r.Kept(wire.TypeInit, wire.TypeResponse, wire.TypeFinal, wire.TypeCookie),
	}
}

// replay sends the next n packets.
func (e *handshakeReplayer) replay(n int) {
	for range n {
		d := e.kept[e.next/2%len(e.kept)]
		from := d.From
		if e.next%2 == 1 {
			from = v4(e.next%500, 9)
		}
		e.next++
		e.sent[d.Type()]++
		e.s.Inject(from, d.To, d.Data, 0)
	}
}

// standing is the state that replays must not change.
type standing struct {
	begun, accepted, dialed, repeated, rekeys, takeovers, closed uint64
	peers, sessions, inFlight                                    int
	up, down                                                     int
	addr                                                         netip.AddrPort
}

func (s *scene) standing() (all []standing) {
	for _, n := range append([]*sim.Node{s.hub}, s.peers...) {
		st := n.Stats()
		all = append(all, standing{
			st.Handshakes[conn.HandshakeStarted], st.Handshakes[conn.HandshakeAccepted], st.Handshakes[conn.HandshakeDialed],
			st.Handshakes[conn.HandshakeRepeated], st.Rekeys, st.Takeovers, closes(st), st.Peers, st.Sessions, st.HandshakesInFlight,
			n.Heard(conn.PeerUp), n.Heard(conn.PeerDown), n.Addr(),
		})
	}
	return all
}

// Replays of messages 1, 2 and 3, from right after the genuine ones until beyond
// the lifetime of the cookies, create no session, keys or slot. The existing
// sessions keep their receiver indexes.
func TestThreat08ReplayedHandshakes(t *testing.T) {
	var before []standing
	var e *handshakeReplayer
	var stop, unwatch func()
	indexes := map[[2]netip.AddrPort]uint32{}
	s, baseline, attacked := underAttack(t, 8, func(s *scene) {
		// Connect the honest peers again, to record it. Each handshake packet
		// arrives four times.
		r := s.Record(1<<10, wire.TypeInit, wire.TypeResponse, wire.TypeFinal, wire.TypeCookie)
		for _, p := range s.peers {
			p.ClosePeer(s.hub.Key(), wire.CloseNormal)
		}
		s.run(100 * time.Millisecond)
		untap := s.Tap(func(d sim.Datagram) (pass sim.Action) {
			if d.Type() != wire.TypeData {
				for i := range 3 {
					s.Inject(d.From, d.To, d.Data, 5*time.Millisecond+time.Duration(i)*3*time.Millisecond)
				}
			}
			return pass
		})
		for _, p := range s.peers {
			s.connect(p)
		}
		s.run(time.Second)
		untap()
		before = s.standing()
		require.EqualValues(t, 2*len(s.peers), before[0].begun, "one slot for each of two handshakes")
		require.EqualValues(t, 2*len(s.peers), before[0].accepted)
		require.NotZero(t, s.hub.Stats().Handshakes[conn.HandshakeRepeated])
		r.Stop()
		e = newHandshakeReplayer(s, r)

		unwatch = s.Tap(func(d sim.Datagram) (pass sim.Action) {
			if d.Type() == wire.TypeData {
				_, index, _ := wire.Peek(d.Data)
				way := [2]netip.AddrPort{d.From, d.To}
				if known, seen := indexes[way]; seen && known != index {
					s.t.Errorf("the index of packets from %v to %v changed", d.From, d.To)
				}
				indexes[way] = index
			}
			return pass
		})
		s.Check("slots", func(*sim.World) error {
			require.Zero(t, s.hub.Stats().HandshakesInFlight)
			return nil
		})
		stop = s.Every(2*time.Millisecond, func() { e.replay(2) })
	})
	require.Equal(t, before, s.standing())
	require.Len(t, indexes, 2*len(s.peers))
	require.Equal(t, baseline, attacked)
	stop()
	unwatch()
	stats, drops := s.hub.Stats(), s.hub.Drops("header", "handshake")
	require.NotZero(t, stats.Handshakes[conn.HandshakeReplayed], "message 1, with its cookie")
	require.NotZero(t, stats.Handshakes[conn.HandshakeUnknown], "message 3")
	require.NotZero(t, s.peers[0].Stats().Handshakes[conn.HandshakeUnknown], "message 2")
	require.NotZero(t, stats.CookiesSent, "message 1 without one")
	require.Equal(t, drops, stats.Handshakes[conn.HandshakeReplayed]+stats.Handshakes[conn.HandshakeUnknown]+
		stats.Handshakes[conn.HandshakeBusy], "each drop has an outcome")
	threat08Late(t, s, e)
	report(t, 8, "replayed %d first messages, %d responses, %d finals, %d challenges: replayed %d, unknown %d at the hub and %d at a peer (header/handshake), all else challenged; sessions, slots, keys: the same; honest delivery %s without, %s with",
		e.sent[wire.TypeInit], e.sent[wire.TypeResponse], e.sent[wire.TypeFinal], e.sent[wire.TypeCookie],
		stats.Handshakes[conn.HandshakeReplayed], stats.Handshakes[conn.HandshakeUnknown],
		s.peers[0].Stats().Handshakes[conn.HandshakeUnknown], percent(baseline), percent(attacked))
}

// threat08Late continues, more slowly, until the cookies have expired. The sessions
// rekey during that time.
func threat08Late(t *testing.T, s *scene, e *handshakeReplayer) {
	before := s.standing()
	defer s.Every(50*time.Millisecond, func() { e.replay(2) })()
	s.run(130 * time.Second)
	after := s.standing()
	for i := range after {
		require.NotZero(t, after[i].rekeys)
		after[i].rekeys = before[i].rekeys
	}
	require.Equal(t, before, after)
	challenges := s.hub.Stats().CookiesSent
	e.next -= e.next % (2 * len(e.kept))
	sent := e.sent[wire.TypeInit]
	e.replay(2 * len(e.kept))
	s.run(time.Second)
	require.GreaterOrEqual(t, s.hub.Stats().CookiesSent-challenges, uint64(e.sent[wire.TypeInit]-sent), "every cookie has expired")
}
