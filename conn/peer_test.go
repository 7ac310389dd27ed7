package conn_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/wire"
)

// New peers evict those without a session, the one that left first before the
// others, and never connected ones.
func TestMaxPeers(t *testing.T) {
	w := newWorld(t, 1)
	b := w.node(func(c *conn.Config) { c.MaxPeers = 3 })
	var all []*node
	for i := range 5 {
		a := w.node()
		all = append(all, a)
		a.dial(b)
		w.run(6 * time.Second)
		require.Equal(t, i < 3, a.up(b))
		require.LessOrEqual(t, b.Stats().Peers, 3)
	}
	require.NotZero(t, b.Handshakes(conn.HandshakeTable))
	_, err := b.Endpoint().Dial(all[4].Key(), w.Now())
	require.ErrorIs(t, err, conn.ErrTooManyPeers)

	for _, i := range []int{1, 0} {
		all[i].closePeer(b, wire.CloseNormal)
		w.run(time.Second)
	}
	all[4].dial(b)
	w.await(time.Second, func() bool { return all[4].up(b) })
	require.Nil(t, b.Endpoint().Peer(all[1].Key()), "the first to leave is evicted")
	require.NotNil(t, b.Endpoint().Peer(all[0].Key()))
	require.True(t, b.up(all[2]))
	require.Equal(t, 3, b.Stats().Peers)
	w.checkAll()
	w.closeAll()
}

// A peer survives its sessions with its strikes and its ID.
func TestPeerSurvivesItsSessions(t *testing.T) {
	w := newWorld(t, 2)
	a, b := w.pair()
	p, id := b.peer(a), b.peer(a).ID()
	p.Strike(w.Now())
	a.restart()
	a.dial(b)
	w.run(5 * time.Second)
	require.Same(t, p, b.peer(a))
	require.Equal(t, id, p.ID())
	require.Equal(t, 1, p.Strikes())
	require.True(t, b.up(a))
	w.checkAll()
}

// Without randomness nothing begins, and no ID or packet is lost.
func TestNoRandomness(t *testing.T) {
	for at := range 8 {
		w := newWorld(t, 3)
		good := rand.NewChaCha8([32]byte{})
		source := io.Reader(good)
		change := func(c *conn.Config) {
			c.Rand = readerFunc(func(b []byte) (int, error) { return source.Read(b) })
		}
		a, b := w.node(change), w.node(change)
		a.dial(b)
		w.run(time.Duration(at) * 4 * time.Millisecond)
		source = iotest.ErrReader(errors.New("none"))
		w.run(20 * time.Second)
		w.checkAll()
		source = good
		if !a.up(b) {
			a.dial(b)
		}
		w.await(5*time.Second, func() bool { return bothUp(a, b) })
		w.checkAll()
		w.closeAll()
	}
}
