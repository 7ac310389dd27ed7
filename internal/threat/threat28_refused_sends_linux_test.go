package threat

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/udp"
)

// While the kernel refuses each packet of a dial, a transport goes on serving its
// peer, and the refusals are counted. The kernel refuses them with EACCES, because
// the address is a broadcast address, or with ENETUNREACH if there is no route.
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
	require.Equal(t, lost.Total(), lost[udp.LossNotPermitted]+lost[udp.LossUnreachable], "counted under another reason")
	require.Equal(t, 1, l.Stats().Sessions)
	require.NoError(t, back.SendWait(ctx, intentra.Message{Intent: intentra.Reliable}))
	t.Logf("row 28: the kernel refused %d datagrams of a transport (not_permitted, unreachable); %d honest Reliable messages at the same time, all delivered", refused(), honest)
}
