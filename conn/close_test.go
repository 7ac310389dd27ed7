package conn

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

func TestCloseTellsThePeer(t *testing.T) {
	tests := []struct {
		reason, told wire.CloseReason
		ends         bool // the dialer does not dial again
	}{
		{wire.CloseNormal, wire.CloseNormal, true},
		{wire.CloseShutdown, wire.CloseShutdown, false},
		{wire.CloseReplaced, wire.CloseReplaced, false},
		{wire.CloseRevoked, wire.CloseRevoked, true},
		{wire.CloseViolation, wire.CloseViolation, true},
		{wire.CloseSlow, wire.CloseSlow, false},
		{wire.CloseKeys, wire.CloseKeys, false},
		// Our own findings are no news to a peer, who may dial again.
		{wire.CloseIdle, wire.CloseShutdown, false},
		{wire.CloseLost, wire.CloseReplaced, false},
		{wire.CloseNone, wire.CloseNormal, true},
		{200, wire.CloseNormal, true},
	}
	for _, tt := range tests {
		t.Run(tt.reason.String(), func(t *testing.T) {
			w := newNetwork(t, 1)
			a, b := w.pair()
			a.queue(b, 1, pipeline.Reliable, "kept or not")
			b.ep.ClosePeer(b.peer(a), tt.reason, w.now)
			b.turn()
			require.Equal(t, tt.reason, b.last(PeerDown).Reason)
			require.EqualValues(t, 1, b.ep.stats.Closes[tt.reason%64])
			took := w.await(time.Second, func() bool { return a.count(PeerDown) > 0 })
			require.Equal(t, 5*time.Millisecond, took)
			require.Equal(t, tt.told, a.last(PeerDown).Reason)
			w.run(5 * time.Second)
			require.Equal(t, !tt.ends, a.up(b))
			require.Equal(t, tt.ends, a.count(DialEnded) == 1)
			if tt.ends {
				require.ErrorIs(t, a.last(DialEnded).Err, ErrClosed)
				require.Equal(t, PeerOffline, a.queue(b, 1, pipeline.Reliable, "x"))
			}
			w.checkAll()
			w.closeAll()
		})
	}
}

func TestDialerCloses(t *testing.T) {
	w := newNetwork(t, 2)
	a, b := w.pair()
	a.ep.ClosePeer(a.peer(b), wire.CloseNormal, w.now)
	a.turn()
	w.run(time.Second)
	require.Equal(t, wire.CloseNormal, b.last(PeerDown).Reason)
	require.ErrorIs(t, a.last(DialEnded).Err, ErrClosed)
	require.False(t, a.peer(b).Dialled())
	w.run(time.Minute)
	require.False(t, b.up(a))
	w.closeAll()
}

// Close tells every peer, however many they are.
func TestCloseTellsAllPeers(t *testing.T) {
	w := newNetwork(t, 3)
	b := w.node(func(c *Config) {
		c.MaxHandshakes, c.MaxHandshakesPerAddress, c.HandshakeRate, c.HandshakeBurst = 1000, 1000, 1e6, 1000
	})
	var all []*node
	for range 2*transmitBatch + 10 {
		a := w.node()
		a.dial(b)
		all = append(all, a)
	}
	w.await(5*time.Second, func() bool { return b.count(PeerUp) == len(all) })
	w.run(100 * time.Millisecond)
	for more := true; more; {
		more = b.ep.Close(wire.CloseShutdown, w.now)
		b.turn()
	}
	w.run(10 * time.Millisecond)
	for _, a := range all {
		require.Equal(t, 1, a.count(PeerDown))
		require.Equal(t, wire.CloseShutdown, a.last(PeerDown).Reason)
	}
}

func TestRevoke(t *testing.T) {
	w := newNetwork(t, 4)
	allowed := true
	a := w.node()
	b := w.node(func(c *Config) { c.Authorize = func([KeySize]byte) bool { return allowed } })
	a.dial(b)
	w.await(time.Second, func() bool { return a.up(b) })
	allowed = false
	b.ep.Revoke(a.key, w.now)
	b.turn()
	w.run(time.Second)
	require.Equal(t, wire.CloseRevoked, b.last(PeerDown).Reason)
	require.Equal(t, wire.CloseRevoked, a.last(PeerDown).Reason)
	a.dial(b)
	w.run(6 * time.Second)
	require.False(t, a.up(b) || b.up(a))
	require.NotZero(t, b.handshakes(HandshakeRefused))
	require.ErrorIs(t, a.last(DialEnded).Err, ErrNotConfirmed)
	w.checkAll()
	w.closeAll()
}

// A key is revoked after Authorize has been asked and before the answer comes
// back: it is asked again.
func TestRevokeDuringHandshake(t *testing.T) {
	for _, stays := range []bool{true, false} {
		w := newNetwork(t, 5)
		asked := 0
		a := w.node()
		b := w.node(func(c *Config) {
			c.Authorize = func([KeySize]byte) bool { asked++; return asked == 1 || stays }
		})
		a.dial(b)
		w.await(time.Second, func() bool {
			return b.ep.halves.len() == 1 && b.ep.halves.holders.oldest(0).response != nil
		})
		b.jobDelay = 10 * time.Millisecond
		w.await(time.Second, func() bool { return b.ep.halves.holders.oldest(0).busy })
		b.ep.Revoke([KeySize]byte{1}, w.now)
		w.run(time.Second)
		require.Equal(t, 2, asked)
		require.Equal(t, stays, b.up(a))
		w.checkAll()
		w.closeAll()
	}
}

// Two machines hold one key and take the peer from each other: they are held
// back, and the peer hears of it.
func TestIdentityConflict(t *testing.T) {
	w := newNetwork(t, 6)
	b := w.node()
	a := w.node()
	a.dial(b)
	w.run(time.Second)
	twin := w.nodeAt(netAddrOf(203, 5), a.ep.cfg.Identity)
	twin.dial(b)
	w.run(30 * time.Second)
	require.NotZero(t, b.count(IdentityConflict))
	require.LessOrEqual(t, b.ep.stats.Takeovers, uint64(30))
	for _, n := range []*node{a, twin} {
		var down pipeline.Time
		for _, ev := range n.events {
			switch ev.Kind {
			case PeerDown:
				require.Equal(t, wire.CloseReplaced, ev.Reason)
				down = ev.at
			case NeedAddress:
				if down != 0 {
					require.GreaterOrEqual(t, time.Duration(ev.at-down), 1600*time.Millisecond)
				}
			}
		}
	}
	// Peers that come back now and then are no conflict.
	before := b.count(IdentityConflict)
	twin.dead = true
	for range 6 {
		w.run(10 * time.Second)
		a = a.restart()
		a.dial(b)
	}
	require.Equal(t, before, b.count(IdentityConflict))
	w.checkAll()
}

// A panic in Authorize refuses that key, and costs nothing else.
func TestAuthorizePanics(t *testing.T) {
	w := newNetwork(t, 7)
	a := w.node()
	b := w.node(func(c *Config) {
		c.Authorize = func(k [KeySize]byte) bool {
			if k == a.key {
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
	require.ErrorIs(t, a.last(DialEnded).Err, ErrNotConfirmed)
	require.EqualValues(t, 2, b.ep.stats.Panics, "without an answer the dialer has begun anew, once")
	require.Zero(t, b.ep.halves.len())
}

// Who we dial stays when its key is revoked, even if the session is one that it
// has opened itself.
func TestRevokeKeepsWhoWeDial(t *testing.T) {
	for _, first := range []string{"they", "we"} {
		w := newNetwork(t, 8)
		a, b := w.node(), w.node()
		if first == "they" {
			a.dial(b)
			w.await(time.Second, func() bool { return a.up(b) && b.up(a) })
		}
		b.dial(a)
		w.await(time.Second, func() bool { return a.up(b) && b.up(a) })
		require.Equal(t, first == "we", b.session(a).dialer)
		b.ep.Revoke(a.key, w.now)
		b.turn()
		w.run(3 * time.Second)
		require.True(t, b.peer(a).Dialled() && b.up(a) && a.up(b), first)
		require.Zero(t, b.count(DialEnded)+b.count(PeerDown), first)
	}
}
