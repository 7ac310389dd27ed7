package intentra_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

func TestHandlerGetsAllMessages(t *testing.T) {
	ctx := loopback.Context(t)
	handle, got := loopback.Messages()
	l := loopback.Listen(t, intentra.Config{Handler: handle})
	p := loopback.Dial(t, l, intentra.Config{})
	for i, intent := range intents {
		m := intentra.Message{Channel: uint32(i), Intent: intent, Payload: fmt.Append(nil, i)}
		require.NoError(t, p.SendWait(ctx, m))
		h := loopback.Next(t, ctx, got)
		require.Equal(t, m, h.Message)
		require.Equal(t, p.Transport().PublicKey(), h.Peer.Key())
	}
}

// Where a Handler gets the messages, every way to receive them fails at once.
func TestReceiveWithAHandlerFails(t *testing.T) {
	ctx := loopback.Context(t)
	handle, _ := loopback.Messages()
	l := loopback.Listen(t, intentra.Config{Handler: handle})
	p := loopback.Dial(t, l, intentra.Config{Handler: handle})
	batch := make([]intentra.Received, 4)
	_, err := l.Receive(ctx)
	require.ErrorIs(t, err, intentra.ErrHandler)
	_, err = l.ReceiveBatch(ctx, batch)
	require.ErrorIs(t, err, intentra.ErrHandler)
	_, err = p.Receive(ctx)
	require.ErrorIs(t, err, intentra.ErrHandler)
	_, err = p.ReceiveBatch(ctx, batch)
	require.ErrorIs(t, err, intentra.ErrHandler)
	for _, err = range l.Messages(ctx) {
		require.ErrorIs(t, err, intentra.ErrHandler)
	}
	for _, err = range p.Messages(ctx) {
		require.ErrorIs(t, err, intentra.ErrHandler)
	}
}

// A Handler may send to the sender and broadcast.
func TestHandlerMaySend(t *testing.T) {
	ctx := loopback.Context(t)
	onPeer, events := loopback.Events()
	l := loopback.Listen(t, intentra.Config{OnPeer: onPeer, Handler: func(m intentra.Received) {
		m.Peer.Send(m.Message)
		m.Peer.Transport().Broadcast(m.Message)
	}})
	a := loopback.Dial(t, l, intentra.Config{})
	b := loopback.Dial(t, l, intentra.Config{})
	loopback.Next(t, ctx, events)
	loopback.Next(t, ctx, events)
	for range 100 {
		require.NoError(t, a.SendWait(ctx, loopback.Reliable("x")))
		for _, p := range []*intentra.Peer{a, a, b} {
			m, err := p.Receive(ctx)
			require.NoError(t, err)
			require.Equal(t, "x", string(m.Payload))
		}
	}
}

// A Handler may close its peer.
func TestHandlerMayCloseThePeer(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{Handler: func(m intentra.Received) { _ = m.Peer.Close() }})
	onPeer, events := loopback.Events()
	p := loopback.Dial(t, l, intentra.Config{OnPeer: onPeer})
	require.Equal(t, intentra.PeerUp, loopback.Next(t, ctx, events).Kind)
	require.NoError(t, p.SendWait(ctx, loopback.Reliable("bye")))
	require.Equal(t, "closed", loopback.Next(t, ctx, events).Reason.String())
}

// A Handler call that takes more than a millisecond is counted.
func TestSlowHandlerCallsAreCounted(t *testing.T) {
	ctx := loopback.Context(t)
	handled := make(chan struct{}, 1)
	l := loopback.Listen(t, intentra.Config{Handler: func(intentra.Received) {
		for begin := time.Now(); time.Since(begin) <= 2*time.Millisecond; {
		}
		handled <- struct{}{}
	}})
	p := loopback.Dial(t, l, intentra.Config{})
	for n := range uint64(3) {
		require.NoError(t, p.SendWait(ctx, loopback.Reliable("slow")))
		loopback.Next(t, ctx, handled)
		loopback.Eventually(t, ctx, "it is counted", func() bool { return l.Stats().SlowHandlerCalls > n })
	}
}

// A message that Room refuses waits, and those of other channels do not wait for it.
func TestRoomOfOneChannel(t *testing.T) {
	ctx := loopback.Context(t)
	handle, got := loopback.Messages()
	var full atomic.Bool
	full.Store(true)
	room := func(_ *intentra.Peer, channel uint32) bool { return channel != 1 || !full.Load() }
	l := loopback.Listen(t, intentra.Config{Handler: handle, Room: room})
	p := loopback.Dial(t, l, intentra.Config{})
	for channel := range uint32(3) {
		require.NoError(t, p.SendWait(ctx, intentra.Message{Channel: channel, Intent: intentra.Reliable}))
	}
	require.EqualValues(t, 0, loopback.Next(t, ctx, got).Channel)
	require.EqualValues(t, 2, loopback.Next(t, ctx, got).Channel)
	full.Store(false)
	require.EqualValues(t, 1, loopback.Next(t, ctx, got).Channel)
}
