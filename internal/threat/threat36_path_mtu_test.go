package threat

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/pmtu"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// sizeLiar is a malicious peer that lies to the hub's search for the largest datagram. It
// acknowledges of what the hub sends only packets of up to believes bytes, whether they
// have arrived or not.
type sizeLiar struct {
	*maliciousPeer
	believes int
	heard    map[uint64]bool // counters that it acknowledges
}

func (l *sizeLiar) lie() {
	l.maliciousPeer.heard = func(counter uint64, frames []byte) {
		if wire.Overhead+len(frames) > l.believes {
			return
		}
		l.heard[counter] = true
		a := wire.Ack{Largest: counter}
		for i := range uint64(256) {
			if counter > i && l.heard[counter-1-i] {
				a.Bitmap[i/64] |= 1 << (i % 64)
			}
		}
		l.s.After(0, func() { l.send(ackFrame(a)) })
	}
}

// An attacker that drops large packets, forges them, or lies about them makes datagrams
// small, or too large, in one session, which goes on: the size is never below 548 bytes,
// all Reliable messages arrive, and the size is found again some time after the attack.
func TestThreat36PathMTU(t *testing.T) {
	var far *sim.Node
	var withholds, claims *sizeLiar
	dropped, forged, reliable, least := 0, 0, 0, pmtu.Highest
	sizeFor := func(s *scene, key intentra.PublicKey) int { return s.hub.Endpoint().Peer(key).DatagramSize() }
	remove, pause, bulk := func() {}, func() {}, func() {}
	s, baseline, attacked := underAttack(t, 36, func(s *scene) {
		liars := s.maliciousPeers(2, intentra.Config{})
		withholds = &sizeLiar{liars[0], pmtu.Floor, map[uint64]bool{}}
		claims = &sizeLiar{liars[1], pmtu.Highest, map[uint64]bool{}}
		far = s.node("far", intentra.Config{})
		s.connect(far)
		s.SetLink(s.hub, claims.Node, sim.Link{Delay: 5 * time.Millisecond, MTU: 1500})
		withholds.lie()
		claims.lie()
		bulk = func() {
			for _, to := range []intentra.PublicKey{far.Key(), withholds.Key(), claims.Key()} {
				for range 20 {
					s.hub.Send(to, intentra.Message{Channel: 9, Intent: intentra.Realtime, Payload: make([]byte, 500)})
				}
			}
		}
		pause = s.Every(10*time.Millisecond, bulk)
		s.run(time.Second)
		require.Equal(t, pmtu.Highest, sizeFor(s, far.Key()))

		far.OnMessage = func(_ intentra.PublicKey, m intentra.Message) {
			if m.Intent == intentra.Reliable {
				reliable++
			}
		}
		random := rand.New(rand.NewPCG(36, 1))
		remove = s.Tap(func(d sim.Datagram) (pass sim.Action) {
			if d.To != far.Addr() || d.Type() != wire.TypeData || len(d.Data) <= pmtu.Floor {
				return pass
			}
			dropped++
			if dropped%10 == 0 { // forgeries of what it has dropped: a probe, or its acknowledgement
				for _, to := range []*sim.Node{far, s.hub} {
					b := append([]byte(nil), d.Data...)
					b[len(b)-1-random.IntN(len(b)/2)] ^= 1
					s.Inject(d.From, to.Addr(), b, 0)
					forged++
				}
			}
			return sim.Action{Drop: true}
		})
		for range 300 {
			s.hub.Send(far.Key(), intentra.Message{Channel: 3, Intent: intentra.Reliable, Payload: make([]byte, 200)})
		}
		s.Every(10*time.Millisecond, func() { least = min(least, sizeFor(s, far.Key())) })
	})
	require.Equal(t, pmtu.Floor, least)
	require.Equal(t, pmtu.Floor, sizeFor(s, far.Key()))
	require.Equal(t, 300, reliable)
	require.Equal(t, pmtu.Floor, sizeFor(s, withholds.Key()))
	require.Equal(t, pmtu.Highest, sizeFor(s, claims.Key()))
	for _, p := range s.peers {
		require.Equal(t, pmtu.BaseIPv4, sizeFor(s, p.Key()))
	}
	require.Zero(t, closes(s.hub.Stats()))
	require.Zero(t, s.hub.Stats().Strikes)
	require.Zero(t, far.Heard(conn.PeerDown))
	require.Equal(t, baseline, attacked)

	withheld, claimed := sizeFor(s, withholds.Key()), sizeFor(s, claims.Key())
	remove()
	pause()
	s.run(pmtu.RaiseAfter)
	s.Every(10*time.Millisecond, bulk)
	s.run(time.Second)
	require.Equal(t, pmtu.Highest, sizeFor(s, far.Key()))
	report(t, 36, "an attacker dropped the %d datagrams above %d B to one peer and sent %d forgeries of them: size %d, all %d Reliable messages arrived, no session ended, "+
		"and the size was %d again %v after the attack; a peer that acknowledged no large packet got %d, and one that acknowledged lost ones %d B; honest delivery %s without, %s with",
		dropped, pmtu.Floor, forged, least, reliable, pmtu.Highest, pmtu.RaiseAfter, withheld, claimed, percent(baseline), percent(attacked))
}
