package intentra_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

func TestBroadcast(t *testing.T) {
	ctx := within(t)
	told, happened := events()
	l := listen(t, intentra.Config{OnPeer: told})
	require.Equal(t, intentra.BroadcastResult{}, l.Broadcast(realtime("to nobody")))

	const n = 4
	var dialled, theirs []*intentra.Peer
	for range n {
		dialled = append(dialled, dial(t, l, intentra.Config{}))
		theirs = append(theirs, next(t, ctx, happened).Peer)
	}
	got := func(i int) string {
		m, err := dialled[i].Receive(ctx)
		require.NoError(t, err)
		return string(m.Payload)
	}
	for _, intent := range intents {
		m := intentra.Message{Channel: 3, Intent: intent, Payload: []byte(intent.String())}
		require.Equal(t, intentra.BroadcastResult{Queued: n}, l.Broadcast(m))
		for i := range n {
			require.Equal(t, intent.String(), got(i))
		}
	}
	require.Equal(t, intentra.BroadcastResult{Queued: 2}, l.Broadcast(reliable("chosen"), theirs[0], theirs[2]))
	require.Equal(t, intentra.BroadcastResult{Queued: n}, l.Broadcast(reliable("all")))
	for i := range n {
		if i%2 == 0 {
			require.Equal(t, "chosen", got(i))
		}
		require.Equal(t, "all", got(i))
	}

	require.NoError(t, dialled[3].Close())
	require.False(t, next(t, ctx, happened).Up)
	require.Equal(t, intentra.BroadcastResult{Queued: n - 1}, l.Broadcast(reliable("without the last")))
	require.Equal(t, intentra.BroadcastResult{Queued: 1, Dropped: 1}, l.Broadcast(reliable("to the last"), theirs[2], theirs[3]))
	require.Equal(t, intentra.BroadcastResult{Dropped: n - 1}, l.Broadcast(intentra.Message{}))
	require.NoError(t, l.Close())
	require.Equal(t, intentra.BroadcastResult{}, l.Broadcast(reliable("afterwards")))
	require.Equal(t, intentra.BroadcastResult{Dropped: 1}, l.Broadcast(reliable("afterwards"), theirs[0]))
}

// A hub relays what comes, from its Handler.
func TestRelayingHub(t *testing.T) {
	ctx := within(t)
	told, happened := events()
	l := listen(t, intentra.Config{OnPeer: told, Handler: func(from *intentra.Peer, m intentra.Message) {
		from.Transport().Broadcast(m)
	}})
	var all []*intentra.Peer
	for range 3 {
		all = append(all, dial(t, l, intentra.Config{}))
		next(t, ctx, happened)
	}
	for i := range 300 {
		require.NoError(t, all[i%3].SendWait(ctx, reliable(fmt.Sprint(i))))
		for _, p := range all {
			m, err := p.Receive(ctx)
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(i), string(m.Payload))
		}
	}
}
