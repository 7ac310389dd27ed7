package conn_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

func TestCloseNotifiesThePeer(t *testing.T) {
	tests := []struct {
		reason, sent wire.CloseReason
		ends         bool // the dialer does not dial again
	}{
		{wire.CloseNormal, wire.CloseNormal, true},
		{wire.CloseShutdown, wire.CloseShutdown, false},
		{wire.CloseReplaced, wire.CloseReplaced, false},
		{wire.CloseRevoked, wire.CloseRevoked, true},
		{wire.CloseViolation, wire.CloseViolation, true},
		{wire.CloseSlow, wire.CloseSlow, false},
		{wire.CloseKeys, wire.CloseKeys, false},
		// Reasons that only concern our side are sent as others, and the peer may
		// dial again.
		{wire.CloseIdle, wire.CloseShutdown, false},
		{wire.CloseLost, wire.CloseReplaced, false},
		{wire.CloseNone, wire.CloseNormal, true},
		{200, wire.CloseNormal, true},
	}
	for _, tt := range tests {
		t.Run(tt.reason.String(), func(t *testing.T) {
			w := newWorld(t, 1)
			a, b := w.pair()
			a.queue(b, 1, pipeline.Reliable, "kept or not")
			b.closePeer(a, tt.reason)
			require.Equal(t, tt.reason, b.last(conn.PeerDown).Reason)
			require.EqualValues(t, 1, b.Stats().Closes[tt.reason%64])
			took := w.await(time.Second, func() bool { return a.count(conn.PeerDown) > 0 })
			require.Equal(t, 5*time.Millisecond, took)
			require.Equal(t, tt.sent, a.last(conn.PeerDown).Reason)
			w.run(5 * time.Second)
			require.Equal(t, !tt.ends, a.up(b))
			require.Equal(t, tt.ends, a.count(conn.DialEnded) == 1)
			if tt.ends {
				require.ErrorIs(t, a.last(conn.DialEnded).Err, conn.ErrClosed)
				require.Equal(t, conn.PeerOffline, a.queue(b, 1, pipeline.Reliable, "x"))
			}
			w.checkAll()
			w.closeAll()
		})
	}
}

func TestDialerCloses(t *testing.T) {
	w := newWorld(t, 2)
	a, b := w.pair()
	a.closePeer(b, wire.CloseNormal)
	w.run(time.Second)
	require.Equal(t, wire.CloseNormal, b.last(conn.PeerDown).Reason)
	require.ErrorIs(t, a.last(conn.DialEnded).Err, conn.ErrClosed)
	require.False(t, a.peer(b).Dialled())
	w.run(time.Minute)
	require.False(t, b.up(a))
	w.closeAll()
}

// Close notifies every peer, however many there are.
func TestCloseNotifiesAllPeers(t *testing.T) {
	w := newWorld(t, 3)
	b := w.node(func(c *conn.Config) {
		c.MaxHandshakes, c.MaxHandshakesPerAddress, c.HandshakeRate, c.HandshakeBurst = 1000, 1000, 1e6, 1000
	})
	var all []*node
	for range 2*conn.TransmitBatch + 10 {
		a := w.node()
		a.dial(b)
		all = append(all, a)
	}
	w.await(5*time.Second, func() bool { return b.count(conn.PeerUp) == len(all) })
	w.run(100 * time.Millisecond)
	b.Close()
	w.run(10 * time.Millisecond)
	for _, a := range all {
		require.Equal(t, 1, a.count(conn.PeerDown))
		require.Equal(t, wire.CloseShutdown, a.last(conn.PeerDown).Reason)
	}
}

func TestRevoke(t *testing.T) {
	w := newWorld(t, 4)
	allowed := true
	a := w.node()
	b := w.node(func(c *conn.Config) { c.Authorize = func(context.Context, conn.Handshake) bool { return allowed } })
	a.dial(b)
	w.await(time.Second, func() bool { return a.up(b) })
	allowed = false
	b.do(func(e *conn.Endpoint, now pipeline.Time) { e.Revoke(a.Key(), now) })
	w.run(time.Second)
	require.Equal(t, wire.CloseRevoked, b.last(conn.PeerDown).Reason)
	require.Equal(t, wire.CloseRevoked, a.last(conn.PeerDown).Reason)
	a.dial(b)
	w.run(6 * time.Second)
	require.False(t, a.up(b) || b.up(a))
	require.NotZero(t, b.Handshakes(conn.HandshakeRefused))
	require.ErrorIs(t, a.last(conn.DialEnded).Err, conn.ErrNotConfirmed)
	w.checkAll()
	w.closeAll()
}

// If a key is revoked while Authorize has been called for it and its result is
// not in, Authorize is called again.
func TestRevokeDuringHandshake(t *testing.T) {
	for _, stays := range []bool{true, false} {
		w := newWorld(t, 5)
		asked := 0
		a := w.node()
		b := w.node(func(c *conn.Config) {
			c.Authorize = func(context.Context, conn.Handshake) bool { asked++; return asked == 1 || stays }
		})
		a.dial(b)
		handshake := func() conn.TestHandshake {
			h, _ := b.Endpoint().OldestHandshake()
			return h
		}
		w.await(time.Second, func() bool { return handshake().Answered })
		b.JobDelay = 10 * time.Millisecond
		w.await(time.Second, func() bool { return handshake().Busy })
		b.do(func(e *conn.Endpoint, now pipeline.Time) { e.Revoke([conn.KeySize]byte{1}, now) })
		w.run(time.Second)
		require.Equal(t, 2, asked)
		require.Equal(t, stays, b.up(a))
		w.checkAll()
		w.closeAll()
	}
}

// Two machines with one key replace each other's session: both are slowed down,
// and the peer reports the conflict.
func TestIdentityConflict(t *testing.T) {
	w := newWorld(t, 6)
	b := w.node()
	a := w.node()
	a.dial(b)
	w.run(time.Second)
	twin := w.nodeAt(otherAddr(203, 5), a.id)
	twin.dial(b)
	w.run(30 * time.Second)
	require.NotZero(t, b.count(conn.IdentityConflict))
	require.LessOrEqual(t, b.Stats().Takeovers, uint64(30))
	for _, n := range []*node{a, twin} {
		var down pipeline.Time
		for _, ev := range n.events {
			switch ev.Kind {
			case conn.PeerDown:
				require.Equal(t, wire.CloseReplaced, ev.Reason)
				down = ev.At
			case conn.NeedAddress:
				if down != 0 {
					require.GreaterOrEqual(t, time.Duration(ev.At-down), 1600*time.Millisecond)
				}
			}
		}
	}
	// Peers that reconnect now and then are no conflict.
	before := b.count(conn.IdentityConflict)
	twin.Kill()
	for range 6 {
		w.run(10 * time.Second)
		a.restart()
		a.dial(b)
	}
	require.Equal(t, before, b.count(conn.IdentityConflict))
	w.checkAll()
}

// A panic in Authorize refuses that key and has no other effect.
func TestAuthorizePanics(t *testing.T) {
	w := newWorld(t, 7)
	a := w.node()
	b := w.node(func(c *conn.Config) {
		c.Authorize = func(_ context.Context, h conn.Handshake) bool {
			if h.Key == a.Key() {
				panic("no")
			}
			return true
		}
	})
	c := w.node()
	a.dial(b)
	c.dial(b)
	w.run(6 * time.Second)
	require.True(t, c.up(b))
	require.ErrorIs(t, a.last(conn.DialEnded).Err, conn.ErrNotConfirmed)
	require.EqualValues(t, 2, b.Stats().Panics, "the dialer starts over once, as it got no answer")
	require.Zero(t, b.Stats().HandshakesInFlight)
}

// A peer that we dial stays connected when its key is revoked, even if it opened
// the session.
func TestRevokeKeepsDialledPeers(t *testing.T) {
	for _, first := range []string{"they dial first", "we dial first"} {
		w := newWorld(t, 8)
		a, b := w.node(), w.node()
		if first == "they dial first" {
			a.dial(b)
			w.await(time.Second, func() bool { return bothUp(a, b) })
		}
		b.dial(a)
		w.await(time.Second, func() bool { return bothUp(a, b) })
		require.Equal(t, first == "we dial first", b.session(a).Dialer())
		b.do(func(e *conn.Endpoint, now pipeline.Time) { e.Revoke(a.Key(), now) })
		w.run(3 * time.Second)
		require.True(t, b.peer(a).Dialled() && bothUp(b, a), first)
		require.Zero(t, b.count(conn.DialEnded)+b.count(conn.PeerDown), first)
	}
}
