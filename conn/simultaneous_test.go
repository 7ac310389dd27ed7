package conn_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// requireOneSession checks that both nodes have one session, the same, and that
// messages pass both ways.
func requireOneSession(t *testing.T, a, b *node) {
	t.Helper()
	w := a.w
	require.Equal(t, 1, a.Stats().Sessions, "at the first")
	require.Equal(t, 1, b.Stats().Sessions, "at the second")
	require.True(t, sameSession(a, b), "not the same session")
	require.NotEqual(t, a.session(b).Dialer(), b.session(a).Dialer())
	gotA, gotB := len(a.got), len(b.got)
	a.push(b, 1, pipeline.Realtime, "a")
	b.push(a, 1, pipeline.Realtime, "b")
	w.run(200 * time.Millisecond)
	require.Equal(t, gotA+1, len(a.got))
	require.Equal(t, gotB+1, len(b.got))
}

// lowerFirst makes two nodes, the first of which has the lower key.
func (w *world) lowerFirst() (a, b *node) {
	a, b = w.node(), w.node()
	if ka, kb := a.Key(), b.Key(); bytes.Compare(ka[:], kb[:]) > 0 {
		a, b = b, a
	}
	return a, b
}

// The last message of the losing handshake arrives late: the winning session
// stays.
func TestLateFinalLoses(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.lowerFirst()
	w.tap = func(from, to netip.AddrPort, data []byte) bool {
		if from == b.Addr() && wire.PacketType(data[0]&15) == wire.TypeFinal {
			w.Inject(from, to, data, 500*time.Millisecond)
			return false
		}
		return true
	}
	a.dial(b)
	b.dial(a)
	w.await(200*time.Millisecond, func() bool { return bothUp(a, b) })
	won := a.session(b)
	require.True(t, won.Dialer())
	w.run(5 * time.Second)
	require.True(t, won.Is(a.session(b)))
	requireOneSession(t, a, b)
	require.Zero(t, a.count(conn.PeerDown)+b.count(conn.PeerDown))
	w.checkAll()
	w.closeAll()
}

// Dialling works in one direction only, as behind a NAT: the side whose attempts
// fail keeps the session that the other made.
func TestSimultaneousDialOneWay(t *testing.T) {
	for seed := range uint64(4) {
		w := newWorld(t, seed)
		a, b := w.node(), w.node()
		w.tap = func(from, to netip.AddrPort, data []byte) bool {
			// The NAT drops a's first messages.
			return from != a.Addr() || wire.PacketType(data[0]&15) != wire.TypeInit
		}
		a.dial(b)
		b.dial(a)
		w.await(5*time.Second, func() bool { return bothUp(a, b) })
		w.run(time.Minute)
		requireOneSession(t, a, b)
		require.Zero(t, a.count(conn.DialEnded)+b.count(conn.DialEnded))
		require.Zero(t, a.count(conn.PeerDown)+b.count(conn.PeerDown))
		require.True(t, a.peer(b).Dialled())
		w.checkAll()
		w.closeAll()
	}
}
