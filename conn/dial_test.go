package conn

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

func TestDialBySuite(t *testing.T) {
	for _, suite := range []wire.Suite{wire.AESGCM, wire.ChaChaPoly} {
		t.Run(suite.String(), func(t *testing.T) {
			w := newNetwork(t, 1)
			a, b := w.node(func(c *Config) { c.Suite = suite }), w.node()
			a.dial(b)
			took := w.await(time.Second, func() bool { return a.up(b) })
			// Init, challenge, Init, Response, Final, Ping: three round trips.
			require.Equal(t, 30*time.Millisecond, took)
			require.True(t, b.up(a))
			require.Equal(t, suite, a.session(b).suite)
			require.Equal(t, a.addr, b.peer(a).Addr())
			require.Equal(t, 1, a.count(PeerUp))
			require.Equal(t, 1, b.count(PeerUp))
			w.checkAll()
			w.closeAll()
		})
	}
}

func TestDialFails(t *testing.T) {
	nobody := func(c *Config) { c.Authorize = func([KeySize]byte) bool { return false } }
	tests := []struct {
		name    string
		b       []func(*Config)
		prepare func(a, b *node)
		err     error
		outcome Outcome
	}{
		{"suite refused", []func(*Config){func(c *Config) { c.Suites = []wire.Suite{wire.ChaChaPoly} }}, nil, ErrNoAnswer, HandshakeSuite},
		{"key not allowed", []func(*Config){nobody}, nil, ErrNotConfirmed, HandshakeRefused},
		{"no Authorize", []func(*Config){func(c *Config) { c.Authorize = nil }}, nil, ErrNotConfirmed, HandshakeRefused},
		{"dead", nil, func(_, b *node) { b.dead = true }, ErrNoAnswer, handshakeOutcomes},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newNetwork(t, 2)
			a, b := w.node(), w.node(tt.b...)
			if tt.prepare != nil {
				tt.prepare(a, b)
			}
			a.dial(b)
			took := w.await(6*time.Second, func() bool { return a.count(DialEnded) > 0 })
			require.Equal(t, 5*time.Second, took)
			require.ErrorIs(t, a.last(DialEnded).Err, tt.err)
			require.Equal(t, wire.CloseHandshake, a.last(DialEnded).Reason)
			require.Zero(t, a.count(PeerUp))
			require.Zero(t, b.count(PeerUp))
			if tt.outcome < handshakeOutcomes {
				require.NotZero(t, b.handshakes(tt.outcome))
			}
			// Nobody is known for having been refused.
			require.Empty(t, b.ep.peers)
			w.run(10 * time.Second)
			require.Zero(t, b.ep.halves.len())
			w.checkAll()
			w.closeAll()
		})
	}
}

func TestDialWrongKey(t *testing.T) {
	w := newNetwork(t, 3)
	a, b, other := w.node(), w.node(), w.node()
	a.book[other.key] = b.addr
	_, err := a.ep.Dial(other.key, w.now)
	require.NoError(t, err)
	a.turn()
	w.await(6*time.Second, func() bool { return a.count(DialEnded) > 0 })
	require.ErrorIs(t, a.last(DialEnded).Err, ErrWrongKey)
	require.Empty(t, b.ep.peers)
	w.closeAll()
}

// A message that travels in the first packets arrives behind PeerUp.
func TestUpBeforeMessage(t *testing.T) {
	w := newNetwork(t, 4)
	a, b := w.node(), w.node()
	upAtFirst := map[*node]int{}
	for _, n := range []*node{a, b} {
		n.onGot = func(message) {
			if _, ok := upAtFirst[n]; !ok {
				upAtFirst[n] = n.count(PeerUp)
			}
		}
	}
	a.dial(b)
	a.push(b, 1, pipeline.Reliable, "before the session")
	w.until(time.Second, func() bool { return b.count(PeerUp) > 0 })
	b.push(a, 1, pipeline.Realtime, "in the first packet of all")
	w.run(time.Second)
	require.Equal(t, map[*node]int{a: 1, b: 1}, upAtFirst)
	require.Len(t, a.got, 1)
	require.Len(t, b.got, 1)
	w.closeAll()
}

func TestDialConvergesUnderLoss(t *testing.T) {
	for _, loss := range []float64{0.05, 0.1, 0.2, 0.4} {
		seeds(t, 25, func(t *testing.T, seed uint64) {
			w := newNetwork(t, seed)
			w.link = link{delay: 5 * time.Millisecond, jitter: 40 * time.Millisecond, loss: loss, dup: 0.2}
			a, b := w.node(), w.node()
			a.jobDelay, b.jobDelay = time.Millisecond, time.Millisecond
			a.dial(b)
			w.await(5*time.Second, func() bool { return a.up(b) && b.up(a) })
			w.link.loss = 0
			w.run(time.Second)
			require.Equal(t, 1, a.ep.stats.Sessions)
			require.Equal(t, 1, b.ep.stats.Sessions)
			require.Equal(t, 1, b.count(PeerUp))
			w.checkAll()
		})
	}
}

func TestManyDialsFromOneAddress(t *testing.T) {
	w := newNetwork(t, 5)
	w.link = link{delay: 2 * time.Millisecond, jitter: time.Millisecond}
	b := w.node()
	b.jobDelay = 200 * time.Microsecond
	a := make([]*node, 250)
	for i := range a {
		a[i] = w.nodeAt(netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 1}), uint16(1000+i)), w.newIdentity())
		a[i].dial(b)
	}
	w.await(5*time.Second, func() bool { return b.count(PeerUp) == len(a) })
	w.run(time.Second)
	for _, n := range a {
		require.True(t, n.up(b))
	}
	w.checkAll()
}

// Giving up the wait for a first dial ends it; a peer that has been connected
// stays dialled, whoever else stops waiting for it.
func TestAbandonDial(t *testing.T) {
	w := newNetwork(t, 3)
	a, b := w.pair()
	p := a.peer(b)
	a.ep.AbandonDial(p, w.now)
	require.True(t, p.Dialled(), "connected")

	w.link.cut = true
	w.run(10 * time.Second)
	a.ep.AbandonDial(p, w.now)
	require.True(t, p.Dialled(), "connected before")

	c := w.node()
	first := c.dial(b)
	w.run(time.Second)
	c.ep.AbandonDial(first, w.now)
	require.False(t, first.Dialled())
	w.link.cut = false
	w.run(10 * time.Second)
	require.False(t, c.up(b), "given up for good")
}
