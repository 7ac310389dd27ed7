package conn_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/wire"
)

// A responder that restarts between messages 2 and 3 has no record of the
// handshake: the dialer notices within Unanswered, before its deadline.
func TestDialerStartsOver(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.node(), w.node()
	finals := 0
	w.tap = func(_, _ netip.AddrPort, data []byte) bool {
		if wire.PacketType(data[0]&15) == wire.TypeResponse && finals == 0 {
			b.Kill() // once this has left
		}
		if wire.PacketType(data[0]&15) == wire.TypeFinal {
			finals++
		}
		return true
	}
	a.dial(b)
	w.await(time.Second, func() bool { return !b.Running() })
	b.restart()
	took := w.await(5*time.Second, func() bool { return bothUp(a, b) })
	require.InDelta(t, 2.1, took.Seconds(), 0.3)
	require.Zero(t, a.count(conn.DialEnded))
	require.Equal(t, 1, a.Stats().Sessions)
	w.checkAll()
	w.closeAll()
}

// A responder whose decision is slow still completes the first handshake, at any
// point of the second one, of which nothing is left.
func TestSlowResponderCompletesTheFirstHandshake(t *testing.T) {
	for slow := 1500 * time.Millisecond; slow < 4500*time.Millisecond; slow += 50 * time.Millisecond {
		w := newWorld(t, 1)
		a, b := w.node(), w.node()
		decides := time.Duration(0)
		w.tap = func(_, _ netip.AddrPort, data []byte) bool {
			// Only the job of message 3 takes long.
			if wire.PacketType(data[0]&15) == wire.TypeFinal && decides == 0 {
				decides, b.JobDelay = slow, slow
			}
			return true
		}
		a.dial(b)
		w.await(5*time.Second, func() bool { return bothUp(a, b) })
		b.JobDelay = 0
		w.run(10 * time.Second)
		require.Equal(t, 1, a.count(conn.PeerUp), "%v", slow)
		require.Equal(t, 1, a.Stats().Sessions, "%v", slow)
		require.Equal(t, 1, b.Stats().Sessions, "%v", slow)
		w.checkAll()
		w.closeAll()
	}
}

// A key that is not allowed is refused twice, and then the dial ends as usual.
func TestRefusedDialerStartsOverOnce(t *testing.T) {
	w := newWorld(t, 1)
	a := w.node()
	b := w.node(func(c *conn.Config) { c.Authorize = func(context.Context, conn.Handshake) bool { return false } })
	a.dial(b)
	w.run(10 * time.Second)
	require.ErrorIs(t, a.last(conn.DialEnded).Err, conn.ErrNotConfirmed)
	require.EqualValues(t, 2, b.Handshakes(conn.HandshakeRefused))
	require.EqualValues(t, 1, a.Handshakes(conn.DialTimedOut))
	require.Zero(t, a.Stats().Sessions)
	w.checkAll()
	w.closeAll()
}
