package conn

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// A responder that is started again between message 2 and message 3 knows nothing
// of the handshake: the dialer notices within Unanswered, not at its deadline.
func TestDialerStartsOver(t *testing.T) {
	w := newNetwork(t, 1)
	a, b := w.node(), w.node()
	finals := 0
	w.tap = func(_, _ netAddr, data []byte) bool {
		if wire.PacketType(data[0]&15) == wire.TypeResponse && finals == 0 {
			b.dead = true // once this has left
		}
		if wire.PacketType(data[0]&15) == wire.TypeFinal {
			finals++
		}
		return true
	}
	a.dial(b)
	w.await(time.Second, func() bool { return b.dead })
	b = b.restart()
	took := w.await(5*time.Second, func() bool { return a.up(b) && b.up(a) })
	require.InDelta(t, 2.1, took.Seconds(), 0.3)
	require.Zero(t, a.count(DialEnded))
	require.Equal(t, 1, a.ep.stats.Sessions)
	w.checkAll()
	w.closeAll()
}

// One that is only slow to decide is taken at its word when it does, though the
// dialer has begun anew: at whatever point of the second handshake, and nothing
// of that is left.
func TestSlowResponderIsStillTaken(t *testing.T) {
	for slow := 1500 * time.Millisecond; slow < 4500*time.Millisecond; slow += 50 * time.Millisecond {
		w := newNetwork(t, 1)
		a, b := w.node(), w.node()
		decides := time.Duration(0)
		w.tap = func(_, _ netAddr, data []byte) bool {
			// Only what follows from message 3 takes long.
			if wire.PacketType(data[0]&15) == wire.TypeFinal && decides == 0 {
				decides, b.jobDelay = slow, slow
			}
			return true
		}
		a.dial(b)
		w.await(5*time.Second, func() bool { return a.up(b) && b.up(a) })
		b.jobDelay = 0
		w.run(10 * time.Second)
		require.Equal(t, 1, a.count(PeerUp), "%v", slow)
		require.Equal(t, 1, a.ep.stats.Sessions, "%v", slow)
		require.Equal(t, 1, b.ep.stats.Sessions, "%v", slow)
		w.checkAll()
		w.closeAll()
	}
}

// A key that is not allowed is refused once more, and then the dial ends as ever.
func TestRefusedDialerStartsOverOnce(t *testing.T) {
	w := newNetwork(t, 1)
	a := w.node()
	b := w.node(func(c *Config) { c.Authorize = func([KeySize]byte) bool { return false } })
	a.dial(b)
	w.run(10 * time.Second)
	require.ErrorIs(t, a.last(DialEnded).Err, ErrNotConfirmed)
	require.EqualValues(t, 2, b.handshakes(HandshakeRefused))
	require.EqualValues(t, 1, a.handshakes(DialTimedOut))
	require.Zero(t, a.ep.stats.Sessions)
	w.checkAll()
	w.closeAll()
}
