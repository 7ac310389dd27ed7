package intentra_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

// A peer whose port changes during a stream of messages stays connected, without a
// handshake.
func TestPeerRoamsToAnotherPort(t *testing.T) {
	ctx := loopback.Context(t)
	onPeer, events := loopback.Events()
	l := loopback.Listen(t, intentra.Config{OnPeer: onPeer})
	r := loopback.NewNAT(t, l.LocalAddr())
	p := loopback.DialAddr(t, r.Addr(), l.PublicKey(), intentra.Config{})
	theirs := loopback.Next(t, ctx, events).Peer
	loopback.Eventually(t, ctx, "the handshake is counted", func() bool { return loopback.Count(t, l.Stats().Handshakes, "accepted") == 1 })
	before := l.Stats().Handshakes

	const n, moved = 400, 200
	first := theirs.Addr()
	for i := range n {
		if i == moved {
			r.Rebind(t)
		}
		require.NoError(t, p.SendWait(ctx, loopback.Reliable(fmt.Sprint(i))))
		require.Equal(t, fmt.Sprint(i), string(loopback.Receive(t, ctx, l).Payload))
	}
	loopback.Eventually(t, ctx, "the move is proved", func() bool { return l.Stats().Roams == 1 && theirs.Addr() != first })
	require.NoError(t, theirs.SendWait(ctx, loopback.Reliable("there")))
	m, err := p.Receive(ctx)
	require.NoError(t, err)
	require.Equal(t, "there", string(m.Payload))

	require.Equal(t, before, l.Stats().Handshakes)
	require.EqualValues(t, 1, l.Stats().Roams)
	require.Empty(t, events, "roaming must cause no event")
}

// With ForbidRoaming the session keeps its address. The dialer gets no answers, and
// opens another session.
func TestForbiddenRoamingNeedsAHandshake(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{ForbidRoaming: true})
	r := loopback.NewNAT(t, l.LocalAddr())
	onPeer, events := loopback.Events()
	p := loopback.DialAddr(t, r.Addr(), l.PublicKey(), loopback.QuickDetection(intentra.Config{OnPeer: onPeer}))
	require.Equal(t, intentra.PeerUp, loopback.Next(t, ctx, events).Kind)
	old := r.Rebind(t)
	require.NoError(t, old.Close()) // so that packets to the old address are lost
	for i := range 10 {
		require.NoError(t, p.SendWait(ctx, loopback.Reliable(fmt.Sprint(i))))
	}
	loopback.Eventually(t, ctx, "another handshake", func() bool { return loopback.Count(t, l.Stats().Handshakes, "accepted") >= 2 })
	loopback.Eventually(t, ctx, "delivery", func() bool { return l.Stats().MessagesIn >= 10 })
	require.Zero(t, l.Stats().Roams)
}
