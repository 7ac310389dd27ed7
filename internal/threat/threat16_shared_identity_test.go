package threat

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/wire"
)

// sessionCounter is a stage that counts the sessions and epochs of each peer of a node.
type sessionCounter struct {
	sessions map[pipeline.ID]int // by peer
	epochs   map[pipeline.ID]int // by session
	most     int                 // maximum of epochs
}

func (c *sessionCounter) Name() string                              { return "session_counter" }
func (c *sessionCounter) Reasons() []string                         { return nil }
func (c *sessionCounter) Process(*pipeline.Packet) pipeline.Verdict { return pipeline.Accept }
func (c *sessionCounter) SessionOpened(n pipeline.SessionNotice)    { c.sessions[n.Peer]++ }
func (c *sessionCounter) SessionClosed(n pipeline.SessionNotice)    { c.sessions[n.Peer]-- }
func (c *sessionCounter) EpochClosed(n pipeline.EpochNotice)        { c.epochs[n.Session]-- }
func (c *sessionCounter) EpochOpened(n pipeline.EpochNotice) {
	c.epochs[n.Session]++
	c.most = max(c.most, c.epochs[n.Session])
}

// watch inserts c into the chain of a node.
func (c *sessionCounter) watch(cfg *intentra.Config) {
	*c = sessionCounter{sessions: map[pipeline.ID]int{}, epochs: map[pipeline.ID]int{}}
	cfg.Stages = func(set *stages.Set) error {
		set.InsertAfter("replay", c)
		return nil
	}
}

// oneEach is a sim.Checker: no peer has more than one session after the hub has
// processed a packet.
func (c *sessionCounter) oneEach(*sim.World) error {
	for peer, n := range c.sessions {
		if n > 1 {
			return fmt.Errorf("peer %v has %d sessions", peer, n)
		}
	}
	return nil
}

// clones adds n nodes with the same key, each of which keeps dialling the hub from
// its own address.
func clones(s *scene, n int) (all []*sim.Node) {
	var key intentra.PrivateKey
	key[0] = 16
	for i := range n {
		c := s.node(fmt.Sprintf("clone%d", i), intentra.Config{Key: key})
		require.NoError(s.t, c.Dial(s.hub.Key()))
		all = append(all, c)
	}
	return all
}

// 1,000 nodes with the same identity share one session. A session that rekeys all
// the time has at most three epochs.
func TestThreat16SharedIdentity(t *testing.T) {
	n := size(1000)
	var count sessionCounter
	var machines []*sim.Node
	var changer *sim.Node
	s, baseline, attacked := underAttack(t, 16, func(s *scene) {
		s.Check("one session a peer", count.oneEach)
		changer = s.node("changer", intentra.Config{RekeyAfterPackets: 16})
		s.connect(changer)
		s.Every(2*time.Millisecond, func() { changer.Send(s.hub.Key(), greeting) })
		machines = clones(s, n)
	}, count.watch)
	stats := s.hub.Stats()
	require.Equal(t, len(s.peers)+2, stats.Sessions)
	require.Equal(t, len(s.peers)+2, stats.Peers)
	require.Positive(t, s.hub.Heard(conn.IdentityConflict))
	require.Equal(t, 1, s.hub.Heard(conn.PeerUp)-s.hub.Heard(conn.PeerDown)-len(s.peers)-1)
	require.Equal(t, stats.Takeovers, stats.Closes[wire.CloseReplaced])
	require.Equal(t, 3, count.most)
	rekeys := s.hub.PeerStats(changer.Key()).Rekeys
	require.Greater(t, rekeys, uint64(20))
	require.Equal(t, baseline, attacked)

	// When all but one stop, that one keeps the session.
	for _, c := range machines[1:] {
		c.Kill()
	}
	s.await(5*time.Second, func() bool { return machines[0].Connected(s.hub.Key()) })
	converged := testThreat16Pairs(t, n)
	report(t, 16, "%d machines dial under one identity: 1 session at any time, takeovers %d, closes{replaced} %d, identity conflicts %d; "+
		"%d rekeys in a row: %d epochs at most; %s; honest delivery %s without, %s with",
		n, stats.Takeovers, stats.Closes[wire.CloseReplaced], s.hub.Heard(conn.IdentityConflict),
		rekeys, count.most, converged, percent(baseline), percent(attacked))
}

// testThreat16Pairs makes both nodes of n pairs dial each other at about the same
// time, over links with loss and jitter. Each pair agrees on one session.
func testThreat16Pairs(t *testing.T, n int) string {
	w := sim.New(16)
	random := rand.New(rand.NewPCG(16, 16))
	w.Check("conservation", sim.Conservation)
	w.SetDefault(sim.Link{Delay: 5 * time.Millisecond, Jitter: 20 * time.Millisecond, Loss: 0.1})
	pairs := make([][2]*sim.Node, n)
	for i := range pairs {
		for j := range pairs[i] {
			node, err := w.Node(fmt.Sprint(i, "/", j), netip.AddrPort{}, intentra.Config{Authorize: intentra.AllowAny})
			require.NoError(t, err)
			pairs[i][j] = node
		}
		for j, node := range pairs[i] {
			w.After(time.Duration(random.IntN(60))*time.Millisecond, func() { require.NoError(t, node.Dial(pairs[i][1-j].Key())) })
		}
	}
	one := func() bool {
		for _, p := range pairs {
			if !p[0].Connected(p[1].Key()) || !p[1].Connected(p[0].Key()) || p[0].Stats().Sessions+p[1].Stats().Sessions != 2 {
				return false
			}
		}
		return true
	}
	took, ok := w.Until(5*time.Second, one)
	require.NoError(t, w.Err())
	require.True(t, ok)
	require.NoError(t, w.Run(2*time.Second))
	require.True(t, one(), "the sessions did not last")
	for _, p := range pairs {
		a, b := session(t, p[0], p[1].Key(), "current", "hash"), session(t, p[1], p[0].Key(), "current", "hash")
		require.Equal(t, written(a), written(b), "the two sides have different sessions")
	}
	return fmt.Sprintf("%d pairs that dial each other at once: one session each within %v", n, took.Round(time.Millisecond))
}
