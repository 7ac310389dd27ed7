package conn

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// requireOneSession checks that both ends have the same session and no other,
// and that messages flow both ways on it.
func requireOneSession(t *testing.T, a, b *node) {
	t.Helper()
	w := a.w
	require.Equal(t, 1, a.ep.stats.Sessions, "at a")
	require.Equal(t, 1, b.ep.stats.Sessions, "at b")
	sa, sb := a.session(b), b.session(a)
	require.Equal(t, sa.current.hash, sb.current.hash, "not the same session")
	require.NotEqual(t, sa.dialer, sb.dialer)
	gotA, gotB := len(a.got), len(b.got)
	a.push(b, 1, pipeline.Realtime, "a")
	b.push(a, 1, pipeline.Realtime, "b")
	w.run(200 * time.Millisecond)
	require.Equal(t, gotA+1, len(a.got))
	require.Equal(t, gotB+1, len(b.got))
}

// Both sides dial, at any distance in time, over any network.
func TestSimultaneousDial(t *testing.T) {
	seeds(t, 1000, func(t *testing.T, seed uint64) {
		w := newNetwork(t, seed)
		w.link = link{
			delay: time.Duration(1+w.rng.IntN(40)) * time.Millisecond, jitter: time.Duration(w.rng.IntN(30)) * time.Millisecond,
			loss: float64(w.rng.IntN(4)) * 0.1, dup: float64(w.rng.IntN(2)) * 0.2,
		}
		a, b := w.node(), w.node()
		a.jobDelay, b.jobDelay = time.Duration(w.rng.IntN(3))*time.Millisecond, time.Duration(w.rng.IntN(3))*time.Millisecond
		a.dial(b)
		w.run(time.Duration(w.rng.IntN(4)) * time.Duration(w.rng.IntN(60)) * time.Millisecond)
		b.dial(a)
		w.await(5*time.Second, func() bool { return a.up(b) && b.up(a) })
		w.link = link{delay: time.Millisecond}
		w.run(4 * time.Second)
		requireOneSession(t, a, b)
		require.Zero(t, a.count(DialEnded)+b.count(DialEnded))
		require.Zero(t, a.count(IdentityConflict)+b.count(IdentityConflict))
		require.LessOrEqual(t, a.count(PeerUp)+b.count(PeerUp), 4)
		w.checkAll()
		if seed%10 == 0 {
			w.closeAll()
		}
	})
}

// Both have been connected, and both notice late that they are not any more.
func TestSimultaneousRedial(t *testing.T) {
	seeds(t, 100, func(t *testing.T, seed uint64) {
		w := newNetwork(t, seed)
		a, b := w.node(), w.node()
		a.dial(b)
		b.dial(a)
		w.await(5*time.Second, func() bool { return a.up(b) && b.up(a) })
		w.link.cut = true
		w.await(200*time.Second, func() bool { return !a.up(b) && !b.up(a) })
		w.run(time.Duration(w.rng.IntN(5000)) * time.Millisecond)
		w.link = link{delay: time.Duration(1+w.rng.IntN(40)) * time.Millisecond, jitter: time.Duration(w.rng.IntN(30)) * time.Millisecond}
		w.await(5*time.Second, func() bool { return a.up(b) && b.up(a) })
		w.link = link{delay: time.Millisecond}
		w.run(4 * time.Second)
		requireOneSession(t, a, b)
		w.checkAll()
	})
}

// lowerFirst makes two nodes, of which the first has the lower key.
func (w *network) lowerFirst() (a, b *node) {
	a, b = w.node(), w.node()
	if string(a.key[:]) > string(b.key[:]) {
		a, b = b, a
	}
	return a, b
}

// The last message of the losing handshake comes late: the session that has won
// stays where it is.
func TestLateFinalLoses(t *testing.T) {
	w := newNetwork(t, 1)
	a, b := w.lowerFirst()
	w.tap = func(from, to netAddr, data []byte) bool {
		if from == b.addr && wire.PacketType(data[0]&15) == wire.TypeFinal {
			w.inject(from, to, data, 500*time.Millisecond)
			return false
		}
		return true
	}
	a.dial(b)
	b.dial(a)
	w.await(200*time.Millisecond, func() bool { return a.up(b) && b.up(a) })
	won := a.session(b)
	require.True(t, won.dialer)
	w.run(5 * time.Second)
	require.Same(t, won, a.session(b))
	requireOneSession(t, a, b)
	require.Zero(t, a.count(PeerDown)+b.count(PeerDown))
	w.checkAll()
	w.closeAll()
}

// Only one of the two ways to dial works, as behind a NAT: the side whose own
// attempts fail keeps the session that the other has made.
func TestSimultaneousDialOneWay(t *testing.T) {
	for seed := range uint64(4) {
		w := newNetwork(t, seed)
		a, b := w.node(), w.node()
		w.tap = func(from, to netAddr, data []byte) bool {
			// What a sends first never gets through the NAT.
			return from != a.addr || wire.PacketType(data[0]&15) != wire.TypeInit
		}
		a.dial(b)
		b.dial(a)
		w.await(5*time.Second, func() bool { return a.up(b) && b.up(a) })
		w.run(time.Minute)
		requireOneSession(t, a, b)
		require.Zero(t, a.count(DialEnded)+b.count(DialEnded))
		require.Zero(t, a.count(PeerDown)+b.count(PeerDown))
		require.True(t, a.peer(b).Dialled())
		w.checkAll()
		w.closeAll()
	}
}
