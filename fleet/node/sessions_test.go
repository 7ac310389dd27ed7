package node

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/member"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/loopback"
)

// TestOneKeyWhileNATSIsAway: two sessions of one key that begin at two hubs while these cannot
// know of each other both stay until the key-value store is back. Then one ends, at either hub.
func TestOneKeyWhileNATSIsAway(t *testing.T) {
	for _, fromStart := range []bool{true, false} {
		addr, store := loopback.Address().String(), t.TempDir()
		f := &testFleet{t: t}
		open := func() *Node {
			cfg, _ := loneConfig(t)
			cfg.NATS, cfg.Heartbeat, cfg.Lost = "nats://"+addr, 50*time.Millisecond, 500*time.Millisecond
			n, err := Open(cfg)
			require.NoError(t, err)
			f.nodes = append(f.nodes, n)
			return n
		}
		if !fromStart {
			s := startServer(t, addr, store, "", nil)
			a, b := open(), open()
			f.until(func() bool { return a.Status().Stats.Hubs+b.Status().Stats.Hubs == 2 })
			s.Shutdown()
			s.WaitForShutdown()
			f.until(func() bool { return !a.connected.Load() && !b.connected.Load() })
		} else {
			open()
			open()
		}
		key, err := intentra.GenerateKey()
		require.NoError(t, err)
		var clients []*hub.Client
		for _, n := range f.nodes {
			tr := n.Hub().Transport()
			c, err := hub.Dial(t.Context(), tr.LocalAddr().String(), tr.PublicKey(), hub.ClientConfig{Transport: intentra.Config{Key: key}})
			require.NoError(t, err)
			f.until(func() bool { return c.Name() != "" })
			clients = append(clients, c)
		}
		for i, n := range f.nodes {
			require.NoError(t, clients[i].Peer().Err())
			require.Zero(t, n.Status().Replaced)
		}
		startServer(t, addr, store, "", nil)
		f.until(func() bool { return f.nodes[0].Status().Replaced+f.nodes[1].Status().Replaced > 0 })
		winner := 0
		if f.nodes[0].Status().Replaced > 0 {
			winner = 1
		}
		<-clients[1-winner].Peer().Done()
		// The winner stays, also when both hubs know everything of each other.
		f.until(func() bool {
			for i, n := range f.nodes {
				for _, h := range n.Status().Hubs {
					if want := map[bool]int{true: 1, false: 0}[h.Self == (i == winner)]; h.Peers != want || !h.Alive {
						return false
					}
				}
			}
			return true
		})
		require.NoError(t, clients[winner].Peer().Err())
		require.Zero(t, f.nodes[winner].Status().Replaced)
		for i, n := range f.nodes {
			_ = clients[i].Close() // one has ended
			require.NoError(t, n.Close())
		}
	}
}

// noBus discards what a member sends.
type noBus struct{}

func (noBus) Heartbeat([]byte)                  {}
func (noBus) Directory([]byte)                  {}
func (noBus) Direct(intentra.PublicKey, []byte) {}

// TestClaimsThatWait: while NATS is away, the claims of sessions that have ended make room for
// others, and none of a session that goes on is lost.
func TestClaimsThatWait(t *testing.T) {
	m, err := member.New(member.Config{Key: intentra.PublicKey{1}, Incarnation: 1}, noBus{})
	require.NoError(t, err)
	begin := func(k byte) []member.Claim {
		m.LocalPublisher(hub.Publisher{Key: intentra.PublicKey{k}})
		m.LocalPublisher(hub.Publisher{Key: intentra.PublicKey{k}, Connected: true})
		return m.Claims()
	}
	l := &lists{n: &Node{member: m}, wake: make(chan struct{}, 1)}
	goesOn := begin(2)
	require.Len(t, goesOn, 1)
	l.claim(goesOn)
	var last []member.Claim
	for range manyClaims + 10 { // of one key, each of which ends the one before
		last = begin(3)
		l.claim(last)
		require.LessOrEqual(t, len(l.todo), manyClaims)
	}
	require.Contains(t, l.todo, goesOn[0])
	require.Equal(t, last[0], l.todo[len(l.todo)-1])
	require.Len(t, l.wake, 1)
}

// TestClaimOfAnEndedSession: a claim that had to wait until its session was over is not entered,
// because it would replace a session that began later elsewhere.
func TestClaimOfAnEndedSession(t *testing.T) {
	t.Parallel()
	addr := loopback.Address().String()
	startServer(t, addr, t.TempDir(), "", nil)
	cfg, _ := loneConfig(t)
	cfg.NATS = "nats://" + addr
	n, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = n.Close() })
	f := &testFleet{t: t}
	ended := member.Claim{Key: intentra.PublicKey{1}, Generation: 1}
	f.until(func() bool { // JetStream may be starting
		rest, err := n.lists.enterAll(t.Context(), []member.Claim{ended})
		return err == nil && len(rest) == 0
	})
	kv, err := n.lists.bucket(t.Context(), n.lists.claims, claimTTL)
	require.NoError(t, err)
	_, err = kv.Get(t.Context(), hex.EncodeToString(ended.Key[:]))
	require.ErrorIs(t, err, jetstream.ErrKeyNotFound)
}
