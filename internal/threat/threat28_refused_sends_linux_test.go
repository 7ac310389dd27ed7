package threat

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/udp"
)

// What package udp counts instead of reporting, for all that a made-up kernel
// can refuse, does not end the loop of a transport either: while the real one
// refuses each packet of a dial (EACCES: nobody may send to the broadcast
// address, or ENETUNREACH where there is no way there), a peer notices nothing.
func TestThreat28RefusedSends(t *testing.T) {
	ctx := loopback.Context(t)
	const n = 100
	l := loopback.Listen(t, intentra.Config{HandshakeTimeout: loopback.Timeout})
	p := loopback.Dial(t, l, intentra.Config{})
	back := peerOf(t, ctx, l, p)
	refused := func() uint64 { return l.Stats().Socket.WriteLoss.Total() }
	key := loopback.Key(t).Public()
	dialling, giveUp := context.WithCancel(ctx)
	defer giveUp()
	dialled := make(chan error, 1)
	go func() {
		_, err := l.Dial(dialling, "255.255.255.255:9", key)
		dialled <- err
	}()
	honest := 0
	for before := refused(); refused() < before+3; {
		honest += stream(t, ctx, p, n, back.Receive)
		honest += stream(t, ctx, back, n, p.Receive)
	}
	giveUp()
	require.ErrorIs(t, loopback.Next(t, ctx, dialled), context.Canceled)
	lost := l.Stats().Socket.WriteLoss
	require.Equal(t, lost.Total(), lost[udp.LossNotPermitted]+lost[udp.LossUnreachable], "counted by its name")
	require.Equal(t, 1, l.Stats().Sessions)
	require.NoError(t, back.SendWait(ctx, intentra.Message{Intent: intentra.Reliable}))
	t.Logf("the real kernel has refused %d datagrams of a transport (not_permitted, unreachable); %d honest Reliable messages meanwhile, all delivered", refused(), honest)
}
