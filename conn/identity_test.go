package conn

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// dialAs is dial under another identity.
func (n *node) dialAs(static Identity, other *node) *Peer {
	n.book[other.key] = other.addr
	p, err := n.ep.DialAs(static, other.key, n.w.now)
	require.NoError(n.w.t, err)
	n.turn()
	return p
}

// say sends a Reliable message to a peer.
func (n *node) say(p *Peer, payload string) {
	if _, wake := p.Push(1, pipeline.Reliable, []byte(payload)); wake {
		n.ep.MarkReady(p)
	}
	n.turn()
}

// gateway is a node that has dialled another under several identities, the
// first of which is its own.
type gateway struct {
	*node
	hub    *node
	faces  []Identity
	theirs []*Peer // the hub, as each of the identities knows it
}

func newGateway(w *network, identities int, change ...func(*Config)) *gateway {
	g := &gateway{node: w.node(change...), hub: w.node(change...)}
	for i := range identities {
		static := g.ep.cfg.Identity
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
	return !slices.ContainsFunc(g.faces, func(s Identity) bool {
		ours, its := g.ep.PeerAs(s.Public(), g.hub.key), g.hub.ep.Peer(s.Public())
		return ours == nil || its == nil || !ours.Connected() || !its.Connected() ||
			ours.session.current.hash != its.session.current.hash
	})
}

// requireApart checks that what either side says to one identity's peer comes
// from that peer, and from no other.
func (g *gateway) requireApart(t *testing.T, which ...int) {
	t.Helper()
	g.got, g.hub.got = nil, nil
	for _, i := range which {
		g.say(g.theirs[i], fmt.Sprint("from ", i))
		g.hub.say(g.hub.ep.Peer(g.faces[i].Public()), fmt.Sprint("to ", i))
	}
	g.w.run(time.Second)
	require.Len(t, g.got, len(which))
	require.Len(t, g.hub.got, len(which))
	for _, m := range g.hub.got {
		i := slices.IndexFunc(g.faces, func(s Identity) bool { return s.Public() == m.from.Key })
		require.Equal(t, fmt.Sprint("from ", i), m.payload)
	}
	for _, m := range g.got {
		require.Equal(t, fmt.Sprint("to ", slices.Index(g.theirs, m.from)), m.payload)
	}
}

// Under several identities one endpoint is as many peers to another, and has
// as many peers of its key.
func TestIdentities(t *testing.T) {
	w := newNetwork(t, 1)
	g := newGateway(w, 3)
	require.Len(t, g.ep.peers, 3)
	require.Len(t, g.hub.ep.peers, 3)
	require.Same(t, g.theirs[0], g.ep.Peer(g.hub.key))
	for i, p := range g.theirs {
		require.Equal(t, g.faces[i].Public(), p.Identity())
		require.Equal(t, g.hub.key, p.Key)
		require.Equal(t, g.hub.key, g.hub.ep.Peer(g.faces[i].Public()).Identity())
	}
	g.requireApart(t, 0, 1, 2)

	again, err := g.ep.DialAs(w.sameIdentity(g.faces[1]), g.hub.key, w.now)
	require.NoError(t, err)
	require.Same(t, g.theirs[1], again, "the key counts, not its copy")

	// The end of one is not that of the others.
	g.ep.ClosePeer(g.theirs[1], wire.CloseNormal, w.now)
	g.turn()
	w.run(time.Second)
	require.False(t, g.hub.ep.Peer(g.faces[1].Public()).Connected())
	g.requireApart(t, 0, 2)
	w.run(2 * time.Minute)
	require.Nil(t, g.ep.PeerAs(g.faces[1].Public(), g.hub.key), "forgotten")
	require.NotNil(t, g.ep.Peer(g.hub.key))
	g.requireApart(t, 0, 2)
	w.checkAll()
	w.closeAll()
}

// sameIdentity makes the key pair once more.
func (w *network) sameIdentity(id Identity) Identity {
	again, err := NewIdentity(id.Private())
	require.NoError(w.t, err)
	return again
}

// Whoever is gone for a while is dialled again as the same.
func TestReconnectUnderIdentity(t *testing.T) {
	w := newNetwork(t, 2)
	g := newGateway(w, 3)
	before := slices.Clone(g.theirs)
	g.hub = g.hub.restart()
	w.await(20*time.Second, g.allUp)
	for i := range g.faces {
		require.Same(t, before[i], g.ep.PeerAs(g.faces[i].Public(), g.hub.key))
		require.Same(t, g.faces[i].static, before[i].static, "made once")
	}
	require.Len(t, g.hub.ep.peers, 3)
	g.requireApart(t, 0, 1, 2)
	w.checkAll()
}

// A rekey proves the identity that the session began under, on both sides.
func TestRekeyUnderIdentity(t *testing.T) {
	w := newNetwork(t, 3)
	g := newGateway(w, 3, func(c *Config) { c.RekeyAfterPackets = 50 })
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
		require.Greater(t, g.theirs[i].stats.Rekeys, uint64(2))
		require.Equal(t, g.theirs[i].stats.Rekeys, g.hub.ep.Peer(g.faces[i].Public()).stats.Rekeys)
	}
	require.Zero(t, g.handshakes(HandshakeFailed)+g.hub.handshakes(HandshakeFailed))
	require.NotZero(t, w.ledger.Seals())
	require.EqualValues(t, 3, g.handshakes(HandshakeDialed))
	g.requireApart(t, 0, 1, 2)
	w.checkAll()
}

// Whoever connects to us meets the endpoint's own key, whatever others it dials
// under; and what is decided about him there concerns that identity alone.
func TestIncomingIdentity(t *testing.T) {
	w := newNetwork(t, 4)
	g := newGateway(w, 2)
	other := w.node()
	other.book[g.faces[1].Public()] = g.addr
	_, err := other.ep.Dial(g.faces[1].Public(), w.now)
	require.NoError(t, err)
	other.turn()
	w.run(10 * time.Second)
	require.ErrorIs(t, other.last(DialEnded).Err, ErrWrongKey)

	// The hub dials back: one session with each identity all the same.
	g.hub.dial(g.node)
	w.run(10 * time.Second)
	require.Equal(t, 2, g.ep.stats.Sessions)
	other.dial(g.node)
	w.await(time.Second, func() bool { return other.up(g.node) })
	under := other.dialAs(w.newIdentity(), g.node)
	w.await(time.Second, under.Connected)
	g.ep.Revoke(other.key, w.now)
	g.turn()
	w.run(time.Second)
	require.False(t, g.up(other))
	require.True(t, under.Connected(), "another identity of theirs")
	g.requireApart(t, 0, 1)
	w.checkAll()
	w.closeAll()
}

// An endpoint may dial itself under another identity.
func TestDialOneself(t *testing.T) {
	w := newNetwork(t, 5)
	a := w.node()
	face := w.newIdentity()
	p := a.dialAs(face, a)
	w.await(time.Second, func() bool { return p.Connected() && a.ep.Peer(face.Public()) != nil })
	a.say(p, "hello")
	w.run(time.Second)
	require.Len(t, a.got, 1)
	require.Same(t, a.ep.Peer(face.Public()), a.got[0].from)
	w.checkAll()
	w.closeAll()
}

// What goes through all peers does so in the order of both keys.
func TestSortedPeers(t *testing.T) {
	w := newNetwork(t, 6)
	a := w.node()
	for range 10 {
		static := w.newIdentity()
		for range 5 {
			_, err := a.ep.DialAs(static, w.newIdentity().Public(), w.now)
			require.NoError(t, err)
		}
		_, err := a.ep.DialAs(static, [KeySize]byte{1}, w.now)
		require.NoError(t, err)
	}
	all := a.ep.sortedPeers()
	require.Len(t, all, 60)
	both := func(p *Peer) []byte { l := p.Identity(); return append(p.Key[:], l[:]...) }
	require.True(t, slices.IsSortedFunc(all, func(p, q *Peer) int { return bytes.Compare(both(p), both(q)) }))
}
