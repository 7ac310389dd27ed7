package threat

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// flood sends packets in the name of one node to another, with the sender's
// address and the receiver's index. In the first third of its time it sends
// forgeries; in the second, repeats of genuine packets, some of which overtake
// these; in the last, both in turn.
type flood struct {
	s        *scene
	from, to *sim.Node
	random   *rand.Rand
	seen     [][]byte      // the latest genuine packets
	begun    time.Duration // time of the first packet
	lasts    time.Duration // duration

	forged, replayed int
}

func newFlood(s *scene, from, to *sim.Node, lasts time.Duration) *flood {
	f := &flood{s: s, from: from, to: to, random: rand.New(rand.NewPCG(s.Seed(), 1)), lasts: lasts}
	s.Tap(func(d sim.Datagram) (pass sim.Action) {
		if d.From == from.Addr() && d.To == to.Addr() && d.Type() == wire.TypeData {
			f.seen = append(f.seen, bytes.Clone(d.Data))
			f.seen = f.seen[max(0, len(f.seen)-300):]
		}
		return pass
	})
	return f
}

// send sends n packets, which arrive within the next millisecond.
func (f *flood) send(n int) {
	if f.begun == 0 {
		f.begun = f.s.Elapsed()
	}
	for i := range n {
		delay := time.Duration(f.random.Int64N(int64(time.Millisecond)))
		latest := f.seen[len(f.seen)-1]
		third := 3 * (f.s.Elapsed() - f.begun) / f.lasts
		if third == 1 || third > 1 && i%2 == 0 {
			genuine := latest
			if i%4 == 0 {
				genuine = f.seen[f.random.Uint64N(uint64(len(f.seen)))]
			}
			f.replayed++
			f.s.Inject(f.from.Addr(), f.to.Addr(), genuine, delay)
			continue
		}
		forged := bytes.Clone(latest)
		forged[8+f.random.Uint64N(uint64(len(forged)-8))] ^= 1 << f.random.Uint64N(8) // in counter, frames or tag
		f.forged++
		f.s.Inject(f.from.Addr(), f.to.Addr(), forged, delay)
	}
}

// 20,000 packets/s in the name of a peer, twice its rate limit, and as many in the
// hub's name to the peer, do not affect the traffic between them.
func TestThreat01FloodInAPeersName(t *testing.T) {
	const perSecond = 20_000
	lasts := time.Duration(size(int(honestTime/time.Millisecond))) * time.Millisecond
	var toHub, toPeer *flood
	sent, got := map[[2]string]int{}, map[[2]string]int{}
	s, baseline, attacked := underAttack(t, 1, func(s *scene) {
		victim := s.peers[0]
		toHub, toPeer = newFlood(s, victim, s.hub, lasts), newFlood(s, s.hub, victim, lasts)
		victim.Send(s.hub.Key(), greeting) // a packet to alter and to repeat
		s.hub.Send(victim.Key(), greeting)
		s.run(100 * time.Millisecond)
		s.Observe(countFlows(s, sent, got))
		stop := s.Every(time.Millisecond, func() {
			for _, f := range []*flood{toHub, toPeer} {
				f.send(perSecond / 1000)
			}
		})
		s.After(lasts+time.Millisecond/2, stop)
	})
	victim := s.peers[0]
	share := func(from, to *sim.Node) float64 {
		flow := [2]string{from.Name(), to.Name()}
		require.GreaterOrEqual(t, sent[flow], honestRate*int(honestTime/time.Second)-1)
		return float64(got[flow]) / float64(sent[flow])
	}
	require.GreaterOrEqual(t, share(victim, s.hub), 0.99)
	require.GreaterOrEqual(t, share(s.hub, victim), 0.99)
	require.Equal(t, baseline, attacked)
	for _, f := range []*flood{toHub, toPeer} {
		require.Equal(t, perSecond*int(lasts/time.Millisecond)/1000, f.forged+f.replayed)
		require.EqualValues(t, f.forged, f.to.Drops("aead", "forged"))
		require.EqualValues(t, f.replayed, f.to.Drops("replay", ""), "one drop for each repeat: the repeat, or the genuine packet that it overtook")
		require.Zero(t, f.to.Drops("ratelimit", ""), "forgeries and repeats are charged to no one")
		require.Zero(t, f.to.Stats().Strikes)
		require.Zero(t, closes(f.to.Stats()))
	}
	report(t, 1, "%d forged and %d replayed packets at %d/s: aead/forged %d, replay/replayed %d, ratelimit 0; the peer's own delivery %s to the hub, %s from it; honest delivery %s without, %s with",
		toHub.forged, toHub.replayed, perSecond, s.hub.Drops("aead", "forged"), s.hub.Drops("replay", "replayed"),
		percent(share(victim, s.hub)), percent(share(s.hub, victim)), percent(baseline), percent(attacked))
}

// countFlows counts sent and delivered messages by sender and receiver.
func countFlows(s *scene, sent, got map[[2]string]int) sim.Observer {
	name := map[intentra.PublicKey]string{}
	for _, n := range s.Nodes() {
		name[n.Key()] = n.Name()
	}
	return sim.Observer{
		Sent: func(from *sim.Node, to intentra.PublicKey, _ intentra.Message, _ intentra.SendResult) {
			sent[[2]string{from.Name(), name[to]}]++
		},
		Delivered: func(to *sim.Node, from intentra.PublicKey, _ intentra.Message) {
			got[[2]string{name[from], to.Name()}]++
		},
	}
}
