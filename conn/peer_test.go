package conn

import (
	"errors"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// Peers without a session make room for new ones, the one that left first
// before the others; connected ones never do.
func TestMaxPeers(t *testing.T) {
	w := newNetwork(t, 1)
	b := w.node(func(c *Config) { c.MaxPeers = 3 })
	var all []*node
	for i := range 5 {
		a := w.node()
		all = append(all, a)
		a.dial(b)
		w.run(6 * time.Second)
		require.Equal(t, i < 3, a.up(b))
		require.LessOrEqual(t, len(b.ep.peers), 3)
	}
	require.NotZero(t, b.handshakes(HandshakeTable))
	_, err := b.ep.Dial(all[4].key, w.now)
	require.ErrorIs(t, err, ErrTooManyPeers)

	for _, i := range []int{1, 0} {
		all[i].ep.ClosePeer(all[i].peer(b), wire.CloseNormal, w.now)
		all[i].turn()
		w.run(time.Second)
	}
	all[4].dial(b)
	w.await(time.Second, func() bool { return all[4].up(b) })
	require.Nil(t, b.ep.Peer(all[1].key), "gone first, forgotten first")
	require.NotNil(t, b.ep.Peer(all[0].key))
	require.True(t, b.up(all[2]))
	require.Len(t, b.ep.peers, 3)
	w.checkAll()
	w.closeAll()
}

// Reconnecting clears nothing: the peer is the same, with what it has on record.
func TestPeerSurvivesItsSessions(t *testing.T) {
	w := newNetwork(t, 2)
	a, b := w.pair()
	p, id := b.peer(a), b.peer(a).id
	p.strikes.add(w.now, 10, time.Minute)
	a = a.restart()
	a.dial(b)
	w.run(5 * time.Second)
	require.Same(t, p, b.peer(a))
	require.Equal(t, id, p.id)
	require.Len(t, p.strikes.at, 1)
	require.True(t, b.up(a))
	w.checkAll()
}

// Without randomness nothing begins, and nothing is lost.
func TestNoRandomness(t *testing.T) {
	for at := range 8 {
		w := newNetwork(t, 3)
		a, b := w.node(), w.node()
		good := b.ep.cfg.Rand
		a.dial(b)
		w.run(time.Duration(at) * 4 * time.Millisecond)
		for _, n := range []*node{a, b} {
			n.ep.cfg.Rand = iotest.ErrReader(errors.New("none"))
		}
		w.run(20 * time.Second)
		w.checkAll()
		a.ep.cfg.Rand, b.ep.cfg.Rand = good, good
		if !a.up(b) {
			a.dial(b)
		}
		w.await(5*time.Second, func() bool { return a.up(b) && b.up(a) })
		w.checkAll()
		w.closeAll()
	}
}
