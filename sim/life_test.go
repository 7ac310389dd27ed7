package sim

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

func TestCloseNotifiesPeers(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(t)
	b.Close()
	require.False(t, b.Running())
	took := w.await(t, time.Second, func() bool { return a.Heard(conn.PeerDown) > 0 })
	require.Equal(t, 5*time.Millisecond, took)
	ev, ok := a.LastEvent(conn.PeerDown)
	require.True(t, ok)
	require.Equal(t, Event{At: w.Now(), Kind: conn.PeerDown, Peer: b.Key(), Session: 1, Reason: wire.CloseShutdown}, ev)
	require.Equal(t, "down shutdown", ev.String())
	require.Equal(t, 1, b.Heard(conn.PeerDown))
}

// A killed node sends no Close: its peer notices by itself, and is connected
// again once the node restarts.
func TestKillAndRestart(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(t)
	before := b.Endpoint()
	b.Kill()
	require.False(t, b.Running() || b.Connected(a.Key()))
	require.False(t, b.inTurns.Queued(), "it has no turn")
	require.Empty(t, b.Peers())
	require.ErrorIs(t, b.Send(a.Key(), message("x")).Err, ErrDown)
	require.ErrorIs(t, b.Dial(a.Key()), ErrDown)
	w.run(t, time.Second)
	require.Zero(t, a.Heard(conn.PeerDown))
	require.Positive(t, w.LinkStats(a, b).Missed)
	w.run(t, 10*time.Second)
	require.Equal(t, 1, a.Heard(conn.PeerDown))

	require.NoError(t, b.Restart())
	require.NotSame(t, before, b.Endpoint())
	w.await(t, time.Second, func() bool { return a.Connected(b.Key()) && b.Connected(a.Key()) })
	require.EqualValues(t, 1, b.Stats().Sessions)
	require.Equal(t, 2, b.Heard(conn.PeerUp), "events of both processes")
}

// A restarted process draws other random numbers: indexes and ephemeral keys are
// new.
func TestRestartHasOtherRandomness(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.node(t, "a"), w.node(t, "b")
	inits := w.Record(1, wire.TypeInit)
	ephemeral := func() string {
		w.connect(t, a, b)
		return string(inits.Kept()[0].Data)
	}
	first := ephemeral()
	require.NoError(t, a.Restart())
	require.NotEqual(t, first, ephemeral())
}

// Restart of a running node kills it first, and works in a callback of the node
// itself.
func TestRestartFromCallback(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(t)
	got := 0
	b.OnMessage = func(intentra.PublicKey, intentra.Message) {
		got++
		require.NoError(t, b.Restart())
	}
	for range 3 {
		a.Send(b.Key(), message("x")) // in one packet
	}
	w.run(t, 10*time.Millisecond)
	require.Equal(t, 1, got)
	require.EqualValues(t, 1, b.Delivered())
	w.await(t, 10*time.Second, func() bool { return b.Connected(a.Key()) })
}

func TestPauseAndSuspend(t *testing.T) {
	for name, tc := range map[string]struct {
		pause func(*Node)
		stays bool // for the paused node, whose clock stood still
	}{
		"pause":   {(*Node).Pause, false},
		"suspend": {(*Node).Suspend, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			a, b := w.pair(t)
			b.OnMessage = func(intentra.PublicKey, intentra.Message) { require.Fail(t, "paused") }
			clock, sent := b.Now(), w.LinkStats(b, a).Sent
			tc.pause(b)
			w.run(t, time.Second)
			tc.pause(b) // again, which has no effect
			a.Send(b.Key(), message("lost"))
			b.Send(a.Key(), message("late")) // sent by the test, as the process is paused
			called := false
			b.Do(func(*conn.Endpoint, pipeline.Time) { called = true })
			w.run(t, 2*time.Minute)
			require.Equal(t, sent, w.LinkStats(b, a).Sent)
			require.False(t, called)
			require.Equal(t, tc.stays, b.Now() == clock)
			require.False(t, a.Connected(b.Key()))

			w.SetLinks(a, b, Link{Cut: true}) // only its own timers act
			b.Resume()
			w.run(t, time.Second)
			require.True(t, called)
			require.Equal(t, tc.stays, b.Connected(a.Key()))
			require.Equal(t, sent+1, w.LinkStats(b, a).Sent)
			require.Equal(t, tc.stays, b.Now() == clock+pipeline.Time(time.Second))
		})
	}
}

// A clock that jumps past the idle time-out ends the session at once.
func TestJumpClock(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(t)
	b.JumpClock(-time.Minute)
	require.Equal(t, w.Now(), b.Now())
	b.JumpClock(2 * time.Minute)
	require.Equal(t, w.Now()+pipeline.Time(2*time.Minute), b.Now())
	w.run(t, 0)
	require.Equal(t, 1, b.Heard(conn.PeerDown))
	ev, _ := b.LastEvent(conn.PeerDown)
	require.Equal(t, wire.CloseIdle, ev.Reason)
	w.await(t, 5*time.Second, func() bool { return a.Heard(conn.PeerUp) == 2 })
}

// A node that changes its address keeps its session, and its peer follows.
// Datagrams under way to the old address are lost.
func TestRebind(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(t)
	old, elsewhere := a.Addr(), netip.MustParseAddrPort("203.0.113.7:9")
	require.ErrorIs(t, a.Rebind(b.Addr()), intentra.ErrConfig)
	require.ErrorIs(t, a.Rebind(netip.AddrPort{}), intentra.ErrConfig)
	require.NoError(t, a.Rebind(a.Addr()))

	b.Send(a.Key(), message("to the old address"))
	w.run(t, 0)
	require.NoError(t, a.Rebind(netip.AddrPortFrom(netip.AddrFrom16(elsewhere.Addr().As16()), elsewhere.Port())))
	require.Equal(t, elsewhere, a.Addr())
	w.run(t, 5*time.Millisecond)
	require.EqualValues(t, 1, w.LinkStats(b, a).Missed)
	a.Send(b.Key(), message("from the new one"))
	w.run(t, time.Second)
	require.EqualValues(t, 1, b.Stats().Roams)
	require.Equal(t, elsewhere, b.Endpoint().Peer(a.Key()).Addr())
	b.Send(a.Key(), message("back"))
	w.run(t, time.Second)
	require.EqualValues(t, 1, a.Delivered())
	require.Zero(t, a.Heard(conn.PeerDown))

	// Another node may take the old address.
	_, err := w.Node("c", old, intentra.Config{})
	require.NoError(t, err)
}

// The worker does one job at a time, which takes JobDelay. A handshake has one
// job at the dialer and two at the listener.
func TestJobDelay(t *testing.T) {
	took := func(dialer, listener time.Duration) time.Duration {
		w := newWorld(t, 1)
		a, b := w.node(t, "a"), w.node(t, "b")
		a.JobDelay, b.JobDelay = dialer, listener
		require.NoError(t, a.Dial(b.Key()))
		return w.await(t, time.Second, func() bool { return a.Connected(b.Key()) })
	}
	at := took(0, 0)
	require.Positive(t, took(time.Millisecond, 0)-at)
	require.Equal(t, 2*time.Millisecond, took(0, time.Millisecond)-at)

	w := newWorld(t, 1)
	hub := w.node(t, "hub", intentra.Config{MaxHandshakesPerAddress: 100})
	hub.JobDelay = 10 * time.Millisecond
	for i := range 10 {
		require.NoError(t, w.node(t, string(rune('a'+i))).Dial(hub.Key()))
	}
	// 20 jobs, one after the other.
	require.GreaterOrEqual(t, w.await(t, 5*time.Second, func() bool { return len(hub.Peers()) == 10 }), 200*time.Millisecond)
}

// A job that is out when its process is killed has no effect.
func TestKillWithJobOut(t *testing.T) {
	w := newWorld(t, 1)
	asked := 0
	a := w.node(t, "a")
	b := w.node(t, "b", intentra.Config{Authorize: func(context.Context, intentra.Handshake) bool { asked++; return true }})
	b.JobDelay = 10 * time.Millisecond
	final := w.Record(1, wire.TypeFinal)
	require.NoError(t, a.Dial(b.Key()))
	w.await(t, time.Second, func() bool { return final.Passed() == 1 })
	w.run(t, 6*time.Millisecond)
	require.Equal(t, 1, b.proc.working)
	b.Kill()
	w.run(t, time.Minute)
	require.Zero(t, asked)
}

func message(payload string) intentra.Message {
	return intentra.Message{Intent: intentra.Realtime, Payload: []byte(payload)}
}

// Totals include what earlier processes have counted.
func TestTotalsOverProcesses(t *testing.T) {
	a, b := audited(t, intentra.Config{})
	w := a.w
	w.SetLink(a, b, Link{Duplicate: 1})
	for life := range 3 {
		numbered(a, b, intentra.Realtime, 5)
		w.run(t, time.Second)
		require.EqualValues(t, life+1, b.TotalStats().Handshakes[conn.HandshakeAccepted])
		require.EqualValues(t, 1, b.Stats().Handshakes[conn.HandshakeAccepted])
		require.EqualValues(t, 1, b.TotalStats().Sessions)
		require.Positive(t, b.Drops("replay", "replayed"))
		require.GreaterOrEqual(t, b.TotalDrops("replay", ""), b.Drops("replay", "")+uint64(life))
		require.NoError(t, b.Restart())
		w.await(t, time.Minute, func() bool { return a.Connected(b.Key()) && b.Connected(a.Key()) })
	}
	require.True(t, b.HasDrops("replay", "replayed"))
	require.False(t, b.HasDrops("replay", "no_such"))
	require.PanicsWithValue(t, "sim: Drops needs a stage of the inbound chain and a reason that it declares, not nosuch/", func() { b.Drops("nosuch", "") })
}

// A node that is killed and restarted within the idle timeout of its peer is reported
// to the peer as restarted, whichever of the two dials.
func TestRestartIsReported(t *testing.T) {
	for name, restart := range map[string]func(dialer, listener *Node) (restarted, other *Node){
		"dialer":   func(d, l *Node) (*Node, *Node) { return d, l },
		"listener": func(d, l *Node) (*Node, *Node) { return l, d },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			a, b := w.pair(t)
			w.run(t, time.Second)
			restarted, other := restart(a, b)
			restarted.Kill()
			w.run(t, 3*time.Second)
			require.NoError(t, restarted.Restart())
			require.NoError(t, a.Dial(b.Key())) // the restarted dialer has to be told again
			w.await(t, 20*time.Second, func() bool { return other.Heard(conn.PeerRestarted) == 1 })
			w.run(t, time.Minute)
			require.Equal(t, 1, other.Heard(conn.PeerRestarted))
			require.Equal(t, 1, other.Heard(conn.PeerUp))
			require.Zero(t, restarted.Heard(conn.PeerRestarted), "the other one has not restarted")
			require.True(t, a.Connected(b.Key()) && b.Connected(a.Key()))
		})
	}
}

// A listener with the shortest idle timeout and a dialer with a longer keep-alive stay
// connected while no messages flow.
func TestKeepAliveRespectsTheIdleTimeoutOfThePeer(t *testing.T) {
	w := newWorld(t, 1)
	a := w.node(t, "a", intentra.Config{KeepAlive: time.Second})
	b := w.node(t, "b", intentra.Config{IdleTimeout: 500 * time.Millisecond})
	w.connect(t, a, b)
	w.run(t, 5*time.Minute)
	for _, n := range []*Node{a, b} {
		require.Equal(t, 1, n.Heard(conn.PeerUp), n.Name())
		require.Zero(t, n.Heard(conn.PeerDown), n.Name())
	}
}
