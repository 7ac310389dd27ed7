package threat

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// hijacker sees the packets between a peer and the hub, and tries to make the hub
// move the session to its own address.
type hijacker struct {
	s      *scene
	victim *sim.Node
	addr   netip.AddrPort
	moved  bool // the hub sends to addr

	forwarded, challenges int
}

func newHijacker(s *scene, victim *sim.Node) *hijacker {
	th := &hijacker{s: s, victim: victim, addr: netip.MustParseAddrPort("203.0.113.66:666")}
	s.Check("path of the session", func(*sim.World) error {
		th.moved = s.hub.Endpoint().Peer(victim.Key()).Addr() == th.addr
		return nil
	})
	return th
}

// forward delivers genuine packets from the hijacker's address, before the
// originals.
func (th *hijacker) forward(d sim.Datagram) (pass sim.Action) {
	switch {
	case d.To == th.addr:
		th.challenges++
	case d.From == th.victim.Addr() && d.Type() == wire.TypeData:
		th.s.Inject(th.addr, d.To, d.Data, 0)
		th.forwarded++
	}
	return pass
}

// belated forwards every tenth genuine packet, and relays the challenge in answer
// to it only after the peer's next packet.
func (th *hijacker) belated(d sim.Datagram) (pass sim.Action) {
	switch {
	case d.To == th.addr:
		th.challenges++
		return sim.Action{To: th.victim.Addr(), Delay: 50 * time.Millisecond}
	case d.From == th.victim.Addr() && d.Type() == wire.TypeData:
		if th.forwarded++; th.forwarded%10 == 0 {
			th.s.Inject(th.addr, d.To, d.Data, 0)
		}
	}
	return pass
}

// divert routes the traffic in both directions through the hijacker's address,
// including the validation of the path.
func (th *hijacker) divert(d sim.Datagram) (pass sim.Action) {
	switch {
	case d.From == th.victim.Addr() && d.Type() == wire.TypeData:
		th.forwarded++
		return sim.Action{From: th.addr}
	case d.To == th.addr:
		return sim.Action{To: th.victim.Addr()}
	}
	return pass
}

// An attacker that forwards genuine packets from its own address does not move the
// session, unless it also relays the path validation before the next packet from
// the peer's address. In that case it has the path until the first packet of the
// peer that it does not forward.
func TestThreat17ForwardedPackets(t *testing.T) {
	var th *hijacker
	neverMoves := func(s *scene) {
		th = newHijacker(s, s.peers[0])
		s.Check("the session does not move", func(*sim.World) error {
			require.False(t, th.moved)
			return nil
		})
	}
	s, baseline, attacked := underAttack(t, 17, func(s *scene) { neverMoves(s); s.Tap(th.forward) })
	require.Greater(t, th.forwarded, 500)
	require.Positive(t, th.challenges, "the hijacker's address is challenged")
	require.Zero(t, s.hub.Stats().Roams)
	require.EqualValues(t, th.forwarded, s.hub.Drops("replay", "replayed"), "the originals arrived later")
	require.Equal(t, baseline, attacked)
	forwarded, challenges := th.forwarded, th.challenges

	s, _, attacked = underAttack(t, 17, func(s *scene) { neverMoves(s); s.Tap(th.belated) })
	require.Greater(t, th.challenges, 20, "too few challenges were relayed, of the four per second that there are")
	require.Zero(t, s.hub.Stats().Roams, "a late proof moved the session")
	require.Equal(t, baseline, attacked)
	belated := th.challenges

	var back time.Duration // from the peer's next packet until the path is its own again
	s, _, relayed := underAttack(t, 17, func(s *scene) {
		th = newHijacker(s, s.peers[0])
		stop := s.Tap(th.divert)
		s.After(3*time.Second, func() {
			require.True(t, th.moved)
			stop()
			next := time.Duration(-1)
			s.Tap(func(d sim.Datagram) (pass sim.Action) {
				if next < 0 && d.From == th.victim.Addr() && d.To == s.hub.Addr() {
					next = s.Elapsed()
				}
				return pass
			})
			s.Check("when the path is back", func(*sim.World) error {
				if back == 0 && !th.moved {
					back = s.Elapsed() - next
				}
				return nil
			})
		})
	})
	require.Equal(t, 15*time.Millisecond, back, "one way for the packet and a round trip for the validation")
	require.EqualValues(t, 2, s.hub.Stats().Roams)
	require.Zero(t, closes(s.hub.Stats()))
	lost := int((1-relayed)*float64(2*len(s.peers)*honestRate)*honestTime.Seconds() + 0.5)
	require.LessOrEqual(t, lost, 4, "states sent to the hijacker before the path is back")
	report(t, 17, "%d packets forwarded first: roams 0, %d challenges to the forwarder, replay/replayed %d, %d more relayed too late: roams 0, delivery %s without, %s with; "+
		"%d diverted with the proof: roams 2, the path is back %v after the peer's next packet, %d states lost, delivery %s",
		forwarded, challenges, forwarded, belated, percent(baseline), percent(attacked), th.forwarded, back, lost, percent(relayed))
}
