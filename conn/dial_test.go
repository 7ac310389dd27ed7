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

func TestDialBySuite(t *testing.T) {
	for _, suite := range []wire.Suite{wire.AESGCM, wire.ChaChaPoly} {
		t.Run(suite.String(), func(t *testing.T) {
			w := newWorld(t, 1)
			a, b := w.node(func(c *conn.Config) { c.Suite = suite }), w.node()
			a.dial(b)
			took := w.await(time.Second, func() bool { return a.up(b) })
			// Init, challenge, Init, Response, Final, Ping: three round trips.
			require.Equal(t, 30*time.Millisecond, took)
			require.True(t, b.up(a))
			require.Equal(t, suite, a.session(b).Suite())
			require.Equal(t, a.Addr(), b.peer(a).Addr())
			require.Equal(t, 1, a.count(conn.PeerUp))
			require.Equal(t, 1, b.count(conn.PeerUp))
			w.checkAll()
			w.closeAll()
		})
	}
}

// noOutcome is a value that is no outcome of a handshake.
const noOutcome = conn.Outcome(255)

func TestDialFails(t *testing.T) {
	nobody := func(c *conn.Config) { c.Authorize = func(context.Context, conn.Handshake) bool { return false } }
	tests := []struct {
		name    string
		b       []func(*conn.Config)
		prepare func(a, b *node)
		err     error
		outcome conn.Outcome
	}{
		{"suite refused", []func(*conn.Config){func(c *conn.Config) { c.Suites = []wire.Suite{wire.ChaChaPoly} }}, nil, conn.ErrNoAnswer, conn.HandshakeSuite},
		{"key not allowed", []func(*conn.Config){nobody}, nil, conn.ErrNotConfirmed, conn.HandshakeRefused},
		{"no Authorize", []func(*conn.Config){func(c *conn.Config) { c.Authorize = nil }}, nil, conn.ErrNotConfirmed, conn.HandshakeRefused},
		{"dead", nil, func(_, b *node) { b.Kill() }, conn.ErrNoAnswer, noOutcome},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, 2)
			a, b := w.node(), w.node(tt.b...)
			if tt.prepare != nil {
				tt.prepare(a, b)
			}
			a.dial(b)
			took := w.await(6*time.Second, func() bool { return a.count(conn.DialEnded) > 0 })
			require.Equal(t, 5*time.Second, took)
			require.ErrorIs(t, a.last(conn.DialEnded).Err, tt.err)
			require.Equal(t, wire.CloseHandshake, a.last(conn.DialEnded).Reason)
			require.Zero(t, a.count(conn.PeerUp))
			require.Zero(t, b.count(conn.PeerUp))
			if tt.outcome != noOutcome {
				require.NotZero(t, b.Handshakes(tt.outcome))
			}
			// A refused dialer leaves no peer behind.
			require.Zero(t, b.Stats().Peers)
			w.run(10 * time.Second)
			require.Zero(t, b.Stats().HandshakesInFlight)
			w.checkAll()
			w.closeAll()
		})
	}
}

func TestDialWrongKey(t *testing.T) {
	w := newWorld(t, 3)
	a, b, other := w.node(), w.node(), w.node()
	a.SetAddress(other.Key(), b.Addr())
	a.dial(other)
	w.await(6*time.Second, func() bool { return a.count(conn.DialEnded) > 0 })
	require.ErrorIs(t, a.last(conn.DialEnded).Err, conn.ErrWrongKey)
	require.Zero(t, b.Stats().Peers)
	w.closeAll()
}

// PeerUp comes before the first message, even if that arrives in the first
// packet.
func TestUpBeforeMessage(t *testing.T) {
	w := newWorld(t, 4)
	a, b := w.node(), w.node()
	upAtFirst := map[*node]int{}
	for _, n := range []*node{a, b} {
		n.onGot = func(message) {
			if _, ok := upAtFirst[n]; !ok {
				upAtFirst[n] = n.count(conn.PeerUp)
			}
		}
	}
	a.dial(b)
	a.push(b, 1, pipeline.Reliable, "before the session")
	w.until(time.Second, func() bool { return b.count(conn.PeerUp) > 0 })
	b.push(a, 1, pipeline.Realtime, "in the first packet of all")
	w.run(time.Second)
	require.Equal(t, map[*node]int{a: 1, b: 1}, upAtFirst)
	require.Len(t, a.got, 1)
	require.Len(t, b.got, 1)
	w.closeAll()
}

// AbandonDial ends a first dial. A peer that has been connected stays dialled,
// although another caller stops waiting for it.
func TestAbandonDial(t *testing.T) {
	w := newWorld(t, 3)
	a, b := w.pair()
	p := a.peer(b)
	a.do(func(e *conn.Endpoint, now pipeline.Time) { e.AbandonDial(p, now) })
	require.True(t, p.Dialled(), "connected")

	w.cut(true)
	w.run(10 * time.Second)
	a.do(func(e *conn.Endpoint, now pipeline.Time) { e.AbandonDial(p, now) })
	require.True(t, p.Dialled(), "connected before")

	c := w.node()
	first := c.dial(b)
	w.run(time.Second)
	c.do(func(e *conn.Endpoint, now pipeline.Time) { e.AbandonDial(first, now) })
	require.False(t, first.Dialled())
	w.cut(false)
	w.run(10 * time.Second)
	require.False(t, c.up(b), "the dial was abandoned")
}
