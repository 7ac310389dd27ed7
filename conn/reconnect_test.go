package conn_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// The peer moves to another address along with its name: the name is resolved
// again.
func TestNameIsResolvedAgain(t *testing.T) {
	w := newWorld(t, 2)
	a, b := w.pair()
	require.Equal(t, 1, a.count(conn.NeedAddress))
	b.Kill()
	b2 := w.nodeAt(otherAddr(203, 7), b.id)
	a.SetAddress(b.Key(), b2.Addr())
	w.await(5*time.Second, func() bool { return a.up(b2) && a.peer(b2).Addr() == b2.Addr() })
	require.GreaterOrEqual(t, a.count(conn.NeedAddress), 2)
	require.Zero(t, a.count(conn.PeerDown), "the new session replaces the old one")
}

// After 2 s without an answer the dialer makes another handshake and keeps the
// session that it has.
func TestUnansweredDialerMakesAnotherHandshake(t *testing.T) {
	w := newWorld(t, 3)
	a, b := w.pair()
	w.run(time.Second)
	w.cut(true)
	a.push(b, 1, pipeline.Realtime, "x")
	kinds := w.kinds()
	took := w.await(5*time.Second, func() bool { return kinds[wire.TypeInit] > 0 })
	require.Equal(t, 2*time.Second, took)
	require.True(t, a.up(b))
	old := a.session(b)
	// The peer was only slow: nothing changes.
	w.cut(false)
	w.setLink(sim.Link{Delay: time.Millisecond})
	w.run(3 * time.Second)
	require.Zero(t, a.count(conn.PeerDown))
	require.Equal(t, 1, a.count(conn.PeerUp))
	requireOneSession(t, a, b)
	require.False(t, old.Is(a.session(b)))
	require.EqualValues(t, 1, a.Stats().Closes[wire.CloseLost])
	require.EqualValues(t, 1, b.Stats().Closes[wire.CloseReplaced])

	// The peer is gone: the session ends with the attempt, and later attempts
	// follow.
	w.cut(true)
	a.push(b, 1, pipeline.Realtime, "x")
	asked := w.Now()
	w.await(20*time.Second, func() bool { return !a.up(b) })
	require.Equal(t, wire.CloseLost, a.last(conn.PeerDown).Reason)
	require.InDelta(t, 7, time.Duration(w.Now()-asked).Seconds(), 0.5)
	w.run(200 * time.Second)
	require.False(t, b.up(a))
	require.Equal(t, wire.CloseIdle, b.last(conn.PeerDown).Reason)
	require.Zero(t, a.count(conn.DialEnded))
	w.cut(false)
	w.await(5*time.Second, func() bool { return bothUp(a, b) })
	w.checkAll()
	w.closeAll()
}

// Dialling a peer that has connected itself starts keep-alives on its session at
// once, even if nothing more comes from it.
func TestDialKeepsAPeersSessionAlive(t *testing.T) {
	w := newWorld(t, 3)
	dialer, b := w.pair()
	w.run(time.Second * 3 / 2) // nothing is on its way
	require.False(t, b.peer(dialer).Dialled())
	dialer.Kill()
	b.dial(dialer)
	kinds := w.kinds()
	took := w.await(10*time.Second, func() bool { return kinds[wire.TypeInit] > 0 })
	require.LessOrEqual(t, took, 3*time.Second+10*time.Millisecond, "a keep-alive interval and Unanswered")
}

// A session that seemed dead recovers while a concurrent attempt fails: nothing
// is replaced, and no further attempt is made.
func TestSessionRecoversWhileAnAttemptFails(t *testing.T) {
	w := newWorld(t, 4)
	a, b := w.pair()
	w.run(time.Second)
	w.cut(true)
	a.push(b, 1, pipeline.Realtime, "x")
	w.run(2100 * time.Millisecond)
	w.cut(false)
	w.tap = func(_, _ netip.AddrPort, data []byte) bool { return wire.PacketType(data[0]&15) == wire.TypeData }
	kinds := w.kinds()
	b.push(a, 1, pipeline.Realtime, "alive")
	w.run(6 * time.Second)
	inits := kinds[wire.TypeInit]
	w.run(30 * time.Second)
	require.Equal(t, inits, kinds[wire.TypeInit], "messages 1 sent: it still dials")
	require.Equal(t, 1, a.count(conn.PeerUp))
	require.Zero(t, a.count(conn.PeerDown))
	require.Equal(t, 1, a.Stats().Sessions)
	// The next time that it is needed the peer is dialled again.
	w.tap = nil
	b.restart()
	w.run(5 * time.Second)
	require.EqualValues(t, 2, a.Handshakes(conn.HandshakeDialed))
}

// A session without a packet for a second is replaced by a new one at once, even
// by one that would lose a tie.
func TestSilentSessionIsReplacedAtOnce(t *testing.T) {
	w := newWorld(t, 7)
	a, b := w.lowerFirst()
	a.dial(b)
	b.dial(a)
	w.await(time.Second, func() bool { return bothUp(a, b) })
	w.run(3 * time.Second)
	require.True(t, a.session(b).Dialer())
	b.Kill()
	w.run(1900 * time.Millisecond)
	require.True(t, a.up(b))
	b.restart()
	b.dial(a)
	took := w.await(time.Second, func() bool { return b.up(a) && a.session(b).Hash() == b.session(a).Hash() })
	require.Equal(t, 30*time.Millisecond, took)
}

// A peer is forgotten ForgetAfter after its session has ended, however long that
// was, and whatever IdleTimeout is.
func TestForgetAfter(t *testing.T) {
	for _, up := range []time.Duration{time.Second, 59 * time.Second, 61 * time.Second} {
		for _, after := range []time.Duration{5 * time.Second, conn.DefaultForgetAfter, 10 * time.Minute} {
			w := newWorld(t, 6)
			a, b := w.pair(func(c *conn.Config) { c.IdleTimeout, c.ForgetAfter = 40*time.Second, after })
			w.run(up)
			a.closePeer(b, wire.CloseNormal)
			w.await(time.Second, func() bool { return !b.up(a) })
			w.run(after - time.Second)
			require.NotNil(t, b.Endpoint().Peer(a.Key()))
			w.run(2 * time.Second)
			require.Nil(t, b.Endpoint().Peer(a.Key()))
			w.closeAll()
		}
	}
}
