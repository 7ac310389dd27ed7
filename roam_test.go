package intentra_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// A peer that appears at another port in the middle of a stream goes on there,
// without a handshake.
func TestPeerMovesToAnotherPort(t *testing.T) {
	ctx := within(t)
	told, happened := events()
	l := listen(t, intentra.Config{OnPeer: told})
	r := newRelay(t, l.LocalAddr())
	p := dialTo(t, r.addr(), l.PublicKey(), intentra.Config{})
	theirs := next(t, ctx, happened).Peer
	eventually(t, ctx, "the handshake is counted", func() bool { return count(t, l.Stats().Handshakes, "accepted") == 1 })
	before := l.Stats().Handshakes

	const n, moved = 400, 200
	first := theirs.Addr()
	for i := range n {
		if i == moved {
			r.move(t)
		}
		require.NoError(t, p.SendWait(ctx, reliable(fmt.Sprint(i))))
		require.Equal(t, fmt.Sprint(i), string(receive(t, ctx, l).Payload))
	}
	eventually(t, ctx, "the move is proved", func() bool { return l.Stats().Roams == 1 && theirs.Addr() != first })
	require.NoError(t, theirs.SendWait(ctx, reliable("there")))
	m, err := p.Receive(ctx)
	require.NoError(t, err)
	require.Equal(t, "there", string(m.Payload))

	require.Equal(t, before, l.Stats().Handshakes)
	require.EqualValues(t, 1, l.Stats().Roams)
	require.Empty(t, happened, "to the application it never went away")
}

// With ForbidRoaming the session stays where it was opened; the dialer finds
// itself unanswered, and opens another.
func TestForbiddenMoveNeedsAHandshake(t *testing.T) {
	ctx := within(t)
	l := listen(t, intentra.Config{ForbidRoaming: true})
	r := newRelay(t, l.LocalAddr())
	told, happened := events()
	p := dialTo(t, r.addr(), l.PublicKey(), restless(intentra.Config{OnPeer: told}))
	require.True(t, next(t, ctx, happened).Up)
	old := r.outside.Load()
	r.move(t)
	require.NoError(t, old.Close()) // what goes to the old address is lost
	for i := range 10 {
		require.NoError(t, p.SendWait(ctx, reliable(fmt.Sprint(i))))
	}
	eventually(t, ctx, "another handshake", func() bool { return count(t, l.Stats().Handshakes, "accepted") >= 2 })
	eventually(t, ctx, "delivery", func() bool { return l.Stats().MessagesIn >= 10 })
	require.Zero(t, l.Stats().Roams)
}
