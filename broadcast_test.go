package intentra_test

import (
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

func TestBroadcast(t *testing.T) {
	ctx := loopback.Context(t)
	onPeer, events := loopback.Events()
	l := loopback.Listen(t, intentra.Config{OnPeer: onPeer})
	require.Equal(t, intentra.BroadcastResult{}, l.Broadcast(loopback.Realtime("without peers")))

	const n = 4
	var dialled, theirs []*intentra.Peer
	for range n {
		dialled = append(dialled, loopback.Dial(t, l, intentra.Config{}))
		theirs = append(theirs, loopback.Next(t, ctx, events).Peer)
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
	require.Equal(t, intentra.BroadcastResult{Queued: 2}, l.BroadcastTo(loopback.Reliable("chosen"), theirs[0], theirs[2]))
	require.Equal(t, intentra.BroadcastResult{Queued: n}, l.Broadcast(loopback.Reliable("all")))
	for i := range n {
		if i%2 == 0 {
			require.Equal(t, "chosen", got(i))
		}
		require.Equal(t, "all", got(i))
	}

	// An empty list means no peer, and nil is an error but not a panic.
	for _, none := range [][]*intentra.Peer{nil, {}} {
		require.Equal(t, intentra.BroadcastResult{}, l.BroadcastTo(loopback.Reliable("to none"), none...))
	}
	r := l.BroadcastTo(loopback.Reliable("with nil"), nil, theirs[0], new(intentra.Peer))
	require.ErrorContains(t, r.Err, "the *Peer is nil or zero")
	require.Equal(t, intentra.BroadcastResult{Queued: 1, Dropped: 2, Err: r.Err}, r)
	require.Equal(t, "with nil", got(0))

	require.NoError(t, dialled[3].Close())
	require.Equal(t, intentra.PeerDown, loopback.Next(t, ctx, events).Kind)
	require.Equal(t, intentra.BroadcastResult{Queued: n - 1}, l.Broadcast(loopback.Reliable("without the last")))
	require.Equal(t, intentra.BroadcastResult{Queued: 1, Dropped: 1, Err: intentra.ErrNotConnected}, l.BroadcastTo(loopback.Reliable("to the last"), theirs[2], theirs[3]))
	require.Equal(t, intentra.BroadcastResult{Dropped: n - 1, Err: intentra.ErrIntent}, l.Broadcast(intentra.Message{Intent: 4}))
	require.NoError(t, l.Close())
	require.Equal(t, intentra.BroadcastResult{}, l.Broadcast(loopback.Reliable("afterwards")))
	require.Equal(t, intentra.BroadcastResult{Dropped: 1, Err: net.ErrClosed}, l.BroadcastTo(loopback.Reliable("afterwards"), theirs[0]))
}

// A Handler can broadcast the messages that it gets, as a hub does.
func TestRelayingHub(t *testing.T) {
	ctx := loopback.Context(t)
	onPeer, events := loopback.Events()
	l := loopback.Listen(t, intentra.Config{OnPeer: onPeer, Handler: func(m intentra.Received) {
		m.Peer.Transport().Broadcast(m.Message)
	}})
	var all []*intentra.Peer
	for range 3 {
		all = append(all, loopback.Dial(t, l, intentra.Config{}))
		loopback.Next(t, ctx, events)
	}
	for i := range 300 {
		require.NoError(t, all[i%3].SendWait(ctx, loopback.Reliable(fmt.Sprint(i))))
		for _, p := range all {
			m, err := p.Receive(ctx)
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(i), string(m.Payload))
		}
	}
}

// A broadcast reaches a peer of another transport as well.
func TestBroadcastToAPeerOfAnotherTransport(t *testing.T) {
	ctx := loopback.Context(t)
	onPeer, events := loopback.Events()
	l := loopback.Listen(t, intentra.Config{OnPeer: onPeer})
	p := loopback.Dial(t, l, intentra.Config{})
	theirs := loopback.Next(t, ctx, events).Peer
	for i, intent := range intents {
		m := intentra.Message{Intent: intent, Payload: fmt.Append(nil, i)}
		require.Equal(t, intentra.BroadcastResult{Queued: 2}, l.BroadcastTo(m, theirs, p))
		require.Equal(t, m.Payload, loopback.Receive(t, ctx, l).Payload)
		back, err := p.Receive(ctx)
		require.NoError(t, err)
		require.Equal(t, m.Payload, back.Payload)
	}
}
