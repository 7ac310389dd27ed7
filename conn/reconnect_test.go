package conn_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// The process of one side is killed and starts again, at any time.
func TestRestart(t *testing.T) {
	for _, side := range []string{"responder", "dialer", "both dial, first", "both dial, second"} {
		seeds(t, 10, func(t *testing.T, seed uint64) {
			w := newWorld(t, seed)
			a, b := w.pair()
			if side[0] == 'b' {
				b.dial(a)
			}
			w.run(time.Duration(w.Rand().IntN(5000)) * time.Millisecond)
			start := w.Now()
			switch side {
			case "responder":
				b.restart()
			case "dialer":
				a.restart()
				a.dial(b)
			case "both dial, first":
				a.restart()
				a.dial(b)
			case "both dial, second":
				b.restart()
				b.dial(a)
			}
			w.until(5*time.Second, func() bool {
				return sameSession(a, b)
			})
			require.Less(t, time.Duration(w.Now()-start), 5*time.Second)
			w.run(3 * time.Second)
			for _, n := range []*node{a, b} {
				n.got = nil
			}
			requireOneSession(t, a, b)
			w.checkAll()
			w.closeAll()
		})
	}
}

// The dialer is killed at each step of the handshake.
func TestKilledAtEachStep(t *testing.T) {
	for step := range 8 {
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			w := newWorld(t, 1)
			a, b := w.node(), w.node()
			a.dial(b)
			w.run(time.Duration(step) * 5 * time.Millisecond)
			a.restart()
			b.restart()
			a.dial(b)
			w.run(time.Duration(step) * 5 * time.Millisecond)
			a.restart()
			a.dial(b)
			w.await(5*time.Second, func() bool { return bothUp(a, b) })
			w.run(time.Second)
			requireOneSession(t, a, b)
			require.NotZero(t, w.ledger.Seals())
			w.checkAll()
		})
	}
}

// The peer moves to another address with its name: the name is resolved again.
func TestNameIsResolvedAgain(t *testing.T) {
	w := newWorld(t, 2)
	a, b := w.pair()
	require.Equal(t, 1, a.count(conn.NeedAddress))
	b.Kill()
	b2 := w.nodeAt(otherAddr(203, 7), b.id)
	a.SetAddress(b.Key(), b2.Addr())
	w.await(5*time.Second, func() bool { return a.up(b2) && a.peer(b2).Addr() == b2.Addr() })
	require.GreaterOrEqual(t, a.count(conn.NeedAddress), 2)
	require.Zero(t, a.count(conn.PeerDown), "the old session was given up for the new one")
}

// After 2 s without an answer the dialer shakes hands again, beside the session
// that it has.
func TestUnansweredDialsBeside(t *testing.T) {
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
	// It was only slow: nothing has happened.
	w.cut(false)
	w.setLink(sim.Link{Delay: time.Millisecond})
	w.run(3 * time.Second)
	require.Zero(t, a.count(conn.PeerDown))
	require.Equal(t, 1, a.count(conn.PeerUp))
	requireOneSession(t, a, b)
	require.False(t, old.Is(a.session(b)))
	require.EqualValues(t, 1, a.Stats().Closes[wire.CloseLost])
	require.EqualValues(t, 1, b.Stats().Closes[wire.CloseReplaced])

	// It is gone: the session ends with the attempt, and later ones go on.
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

// Who dials a peer that has connected by itself keeps that session alive from
// then on, also if nothing comes from there any more.
func TestDialKeepsAPeersSessionAlive(t *testing.T) {
	w := newWorld(t, 3)
	dialer, b := w.pair()
	w.run(time.Second * 3 / 2) // nothing is on its way
	require.False(t, b.peer(dialer).Dialled())
	dialer.Kill()
	b.dial(dialer)
	kinds := w.kinds()
	took := w.await(10*time.Second, func() bool { return kinds[wire.TypeInit] > 0 })
	require.LessOrEqual(t, took, 3*time.Second+10*time.Millisecond, "a keep-alive, and the time in which it is unanswered")
}

// An idle session survives a network that loses one packet in ten.
func TestIdleSessionSurvivesLoss(t *testing.T) {
	seeds(t, 5, func(t *testing.T, seed uint64) {
		w := newWorld(t, seed)
		a, b := w.pair()
		w.setLink(sim.Link{Delay: 5 * time.Millisecond, Loss: 0.1})
		w.run(10 * time.Minute)
		require.EqualValues(t, 1, a.Handshakes(conn.HandshakeDialed))
		require.Zero(t, a.count(conn.PeerDown)+b.count(conn.PeerDown))
	})
}

// The session that seemed dead comes back while the attempt beside it fails:
// nothing is replaced, and no further attempt is made.
func TestAttemptBesideFails(t *testing.T) {
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
	require.Equal(t, inits, kinds[wire.TypeInit], "it goes on dialling")
	require.Equal(t, 1, a.count(conn.PeerUp))
	require.Zero(t, a.count(conn.PeerDown))
	require.Equal(t, 1, a.Stats().Sessions)
	// The next time that it is needed it is there.
	w.tap = nil
	b.restart()
	w.run(5 * time.Second)
	require.EqualValues(t, 2, a.Handshakes(conn.HandshakeDialed))
}

// A session that has not been heard of for a second gives way to a new one at
// once, even to one that it would win against.
func TestStaleSessionGivesWay(t *testing.T) {
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

func TestIdleTimeout(t *testing.T) {
	w := newWorld(t, 5)
	a, b := w.pair()
	w.run(10 * time.Second)
	var last = w.Now()
	before := w.tap
	w.tap = func(from, to netip.AddrPort, data []byte) bool {
		if from == a.Addr() {
			last = w.Now()
		}
		return before == nil || before(from, to, data)
	}
	w.run(2 * time.Second)
	a.Kill()
	w.await(2*time.Minute, func() bool { return !b.up(a) })
	require.Equal(t, wire.CloseIdle, b.last(conn.PeerDown).Reason)
	require.Equal(t, 60*time.Second+5*time.Millisecond, time.Duration(w.Now()-last))
	require.NotNil(t, b.Endpoint().Peer(a.Key()), "who comes back finds his strikes")
	w.run(60*time.Second - 1)
	require.NotNil(t, b.Endpoint().Peer(a.Key()))
	w.run(1)
	require.Nil(t, b.Endpoint().Peer(a.Key()))
	require.Equal(t, 1, b.count(conn.PeerForgotten))
	b.Endpoint().CheckInvariants(t, w.Now())
}

// Whoever has been connected for long is remembered no less.
func TestForgottenAfterIdleTimeoutOnly(t *testing.T) {
	for _, up := range []time.Duration{time.Second, 59 * time.Second, 61 * time.Second} {
		w := newWorld(t, 6)
		a, b := w.pair()
		w.run(up)
		a.closePeer(b, wire.CloseNormal)
		w.await(time.Second, func() bool { return !b.up(a) })
		w.run(59 * time.Second)
		require.NotNil(t, b.Endpoint().Peer(a.Key()))
		w.run(2 * time.Second)
		require.Nil(t, b.Endpoint().Peer(a.Key()))
		w.closeAll()
	}
}

// One way is cut and the other is not: what keeps coming is no answer. The
// dialer dials on, keeps the session that it hears, and is connected anew once
// the way is open, whoever has noticed first.
func TestOneWayOutage(t *testing.T) {
	for _, outage := range []time.Duration{20 * time.Second, 3 * time.Minute} {
		t.Run(outage.String(), func(t *testing.T) {
			w := newWorld(t, 4)
			a, b := w.pair()
			cut := true
			inits := 0
			w.tap = func(_, to netip.AddrPort, data []byte) bool {
				if to == b.Addr() && wire.PacketType(data[0]&15) == wire.TypeInit {
					inits++
				}
				return to != b.Addr() || !cut
			}
			for range outage / (100 * time.Millisecond) {
				if b.up(a) {
					b.push(a, 1, pipeline.Realtime, "still here")
				}
				if a.up(b) {
					a.push(b, 1, pipeline.Realtime, "unheard")
				}
				w.run(100 * time.Millisecond)
			}
			require.Greater(t, inits, 10)
			cut = false
			w.await(5*time.Second, func() bool { return bothUp(a, b) && !a.session(b).Unanswered() })
			a.push(b, 1, pipeline.Reliable, "through")
			w.run(time.Second)
			require.NotEmpty(t, b.got)
			require.Equal(t, "through", b.got[len(b.got)-1].payload)
			w.checkAll()
		})
	}
}
