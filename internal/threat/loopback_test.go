package threat

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

// What rows over real sockets share. Nothing there is judged by the clock.

// peerOf returns what l knows of the one who is p's transport.
func peerOf(t testing.TB, ctx context.Context, l *intentra.Transport, p *intentra.Peer) (peer *intentra.Peer) {
	loopback.Eventually(t, ctx, "the listener knows the peer", func() (ok bool) {
		peer, ok = l.Peer(p.Identity())
		return ok
	})
	return peer
}

// stream sends n Reliable messages one after the other, and returns how many of
// them receive has had, in order and each once.
func stream(t testing.TB, ctx context.Context, from *intentra.Peer, n int, receive func(context.Context) (intentra.Received, error)) (got int) {
	t.Helper()
	for i := range n {
		want := fmt.Sprint("state ", i)
		require.NoError(t, from.SendWait(ctx, intentra.Message{Channel: 1, Intent: intentra.Reliable, Payload: []byte(want)}))
		m, err := receive(ctx)
		require.NoError(t, err)
		require.Equal(t, want, string(m.Payload))
		got++
	}
	return got
}

// dropped returns what the inbound chain of tr has dropped at a stage for a
// reason: packets and messages.
func dropped(tr *intentra.Transport, stage, reason string) (total uint64) {
	for _, d := range tr.Stats().In.Drops {
		if d.Stage == stage && d.Reason == reason {
			total += d.Packets + d.Messages
		}
	}
	return total
}
