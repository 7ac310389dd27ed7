package conn_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// dialAs dials under another identity.
func (n *node) dialAs(id conn.Identity, other *node) *conn.Peer {
	var p *conn.Peer
	n.do(func(e *conn.Endpoint, now pipeline.Time) {
		var err error
		p, err = e.DialAs(id, other.Key(), now)
		require.NoError(n.w.t, err)
	})
	return p
}

// say sends the peer a Reliable message.
func (n *node) say(p *conn.Peer, payload string) {
	n.queueTo(p, 1, pipeline.Reliable, payload)
	n.turn()
}

// gateway is a node that has dialled another under several identities, the first
// of which is its own.
type gateway struct {
	*node
	hub    *node
	faces  []conn.Identity
	theirs []*conn.Peer // the hub, by identity
}

func newGateway(w *world, identities int, change ...func(*conn.Config)) *gateway {
	g := &gateway{node: w.node(change...), hub: w.node(change...)}
	for i := range identities {
		static := g.id
		if i > 0 {
			static = w.newIdentity()
		}
		g.faces = append(g.faces, static)
		g.theirs = append(g.theirs, g.dialAs(static, g.hub))
	}
	w.await(5*time.Second, g.allUp)
	return g
}

func (g *gateway) allUp() bool {
	return !slices.ContainsFunc(g.faces, func(s conn.Identity) bool {
		ours := g.Endpoint().SessionOf(g.Endpoint().PeerAs(s.Public(), g.hub.Key()))
		its := g.hub.Endpoint().SessionOf(g.hub.Endpoint().Peer(s.Public()))
		return ours == nil || its == nil || ours.Hash() != its.Hash()
	})
}

// requireSeparate checks that what either side sends to the peer of one identity
// is delivered as from that peer.
func (g *gateway) requireSeparate(t *testing.T, which ...int) {
	t.Helper()
	g.got, g.hub.got = nil, nil
	for _, i := range which {
		g.say(g.theirs[i], fmt.Sprint("from ", i))
		g.hub.say(g.hub.Endpoint().Peer(g.faces[i].Public()), fmt.Sprint("to ", i))
	}
	g.w.run(time.Second)
	require.Len(t, g.got, len(which))
	require.Len(t, g.hub.got, len(which))
	for _, m := range g.hub.got {
		i := slices.IndexFunc(g.faces, func(s conn.Identity) bool { return s.Public() == m.from.Key })
		require.Equal(t, fmt.Sprint("from ", i), m.payload)
	}
	for _, m := range g.got {
		require.Equal(t, fmt.Sprint("to ", slices.Index(g.theirs, m.from)), m.payload)
	}
}

// An endpoint with several identities is that many peers to another endpoint, and
// has that many peers with its key.
func TestIdentities(t *testing.T) {
	w := newWorld(t, 1)
	g := newGateway(w, 3)
	require.Equal(t, 3, g.Stats().Peers)
	require.Equal(t, 3, g.hub.Stats().Peers)
	require.Same(t, g.theirs[0], g.Endpoint().Peer(g.hub.Key()))
	for i, p := range g.theirs {
		require.Equal(t, g.faces[i].Public(), p.Identity())
		require.Equal(t, [conn.KeySize]byte(g.hub.Key()), p.Key)
		require.Equal(t, [conn.KeySize]byte(g.hub.Key()), g.hub.Endpoint().Peer(g.faces[i].Public()).Identity())
	}
	g.requireSeparate(t, 0, 1, 2)

	again, err := g.Endpoint().DialAs(w.sameIdentity(g.faces[1]), g.hub.Key(), w.Now())
	require.NoError(t, err)
	require.Same(t, g.theirs[1], again, "an equal key is the same identity")

	// Closing one leaves the others.
	g.do(func(e *conn.Endpoint, now pipeline.Time) { e.ClosePeer(g.theirs[1], wire.CloseNormal, now) })
	w.run(time.Second)
	require.False(t, g.hub.Endpoint().Peer(g.faces[1].Public()).Connected())
	g.requireSeparate(t, 0, 2)
	w.run(2 * time.Minute)
	require.Nil(t, g.Endpoint().PeerAs(g.faces[1].Public(), g.hub.Key()), "forgotten")
	require.NotNil(t, g.Endpoint().Peer(g.hub.Key()))
	g.requireSeparate(t, 0, 2)
	w.checkAll()
	w.closeAll()
}

// sameIdentity makes the key pair again.
func (w *world) sameIdentity(id conn.Identity) conn.Identity {
	again, err := conn.NewIdentity(id.Private())
	require.NoError(w.t, err)
	return again
}

// After a restart the peer is dialled again under the same identities.
func TestReconnectUnderIdentity(t *testing.T) {
	w := newWorld(t, 2)
	g := newGateway(w, 3)
	before := slices.Clone(g.theirs)
	g.hub.restart()
	w.await(20*time.Second, g.allUp)
	for i := range g.faces {
		require.Same(t, before[i], g.Endpoint().PeerAs(g.faces[i].Public(), g.hub.Key()))
		require.Equal(t, g.faces[i], before[i].TestIdentity(), "the identity is kept")
	}
	require.Equal(t, 3, g.hub.Stats().Peers)
	g.requireSeparate(t, 0, 1, 2)
	w.checkAll()
}

// A rekey proves to both sides the identity that the session began with.
func TestRekeyUnderIdentity(t *testing.T) {
	w := newWorld(t, 3)
	g := newGateway(w, 3, func(c *conn.Config) { c.RekeyAfterPackets = 50 })
	for range 10 {
		for i := range g.theirs {
			for range 20 {
				g.say(g.theirs[i], "x")
				w.run(time.Millisecond)
			}
		}
		w.run(time.Second)
	}
	for i := range g.theirs {
		require.Greater(t, g.Endpoint().PeerStats(g.theirs[i]).Rekeys, uint64(2))
		require.Equal(t, g.Endpoint().PeerStats(g.theirs[i]).Rekeys, g.hub.PeerStats(g.faces[i].Public()).Rekeys)
	}
	require.Zero(t, g.Handshakes(conn.HandshakeFailed)+g.hub.Handshakes(conn.HandshakeFailed))
	require.NotZero(t, w.ledger.Seals())
	require.EqualValues(t, 3, g.Handshakes(conn.HandshakeDialed))
	g.requireSeparate(t, 0, 1, 2)
	w.checkAll()
}

// Peers that connect reach the endpoint's own key, whatever identities it dials
// under, and Revoke concerns that identity alone.
func TestIncomingIdentity(t *testing.T) {
	w := newWorld(t, 4)
	g := newGateway(w, 2)
	other := w.node()
	other.SetAddress(g.faces[1].Public(), g.Addr())
	require.NoError(t, other.Dial(g.faces[1].Public()))
	w.run(10 * time.Second)
	require.ErrorIs(t, other.last(conn.DialEnded).Err, conn.ErrWrongKey)

	// The hub dials back: there is still one session for each identity.
	g.hub.dial(g.node)
	w.run(10 * time.Second)
	require.Equal(t, 2, g.Stats().Sessions)
	other.dial(g.node)
	w.await(time.Second, func() bool { return other.up(g.node) })
	under := other.dialAs(w.newIdentity(), g.node)
	w.await(time.Second, under.Connected)
	g.do(func(e *conn.Endpoint, now pipeline.Time) { e.Revoke(other.Key(), now) })
	w.run(time.Second)
	require.False(t, g.up(other))
	require.True(t, under.Connected(), "Revoke was for another identity")
	g.requireSeparate(t, 0, 1)
	w.checkAll()
	w.closeAll()
}

// An endpoint may dial itself under another identity.
func TestDialOneself(t *testing.T) {
	w := newWorld(t, 5)
	a := w.node()
	face := w.newIdentity()
	p := a.dialAs(face, a)
	w.await(time.Second, func() bool { return p.Connected() && a.Endpoint().Peer(face.Public()) != nil })
	a.say(p, "hello")
	w.run(time.Second)
	require.Len(t, a.got, 1)
	require.Same(t, a.Endpoint().Peer(face.Public()), a.got[0].from)
	w.checkAll()
	w.closeAll()
}

// Peers are visited in the order of both keys.
func TestSortedPeers(t *testing.T) {
	w := newWorld(t, 6)
	a := w.node()
	for range 10 {
		static := w.newIdentity()
		for range 5 {
			_, err := a.Endpoint().DialAs(static, w.newIdentity().Public(), w.Now())
			require.NoError(t, err)
		}
		_, err := a.Endpoint().DialAs(static, [conn.KeySize]byte{1}, w.Now())
		require.NoError(t, err)
	}
	all := a.Endpoint().Peers()
	require.Len(t, all, 60)
	both := func(p *conn.Peer) []byte { l := p.Identity(); return append(p.Key[:], l[:]...) }
	require.True(t, slices.IsSortedFunc(all, func(p, q *conn.Peer) int { return bytes.Compare(both(p), both(q)) }))
}
