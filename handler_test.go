package intentra_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

type heard struct {
	from *intentra.Peer
	m    intentra.Message
}

// hearing returns a Handler and the channel to which it copies messages.
func hearing() (func(*intentra.Peer, intentra.Message), <-chan heard) {
	c := make(chan heard, 1<<14)
	return func(p *intentra.Peer, m intentra.Message) {
		m.Payload = append([]byte(nil), m.Payload...)
		c <- heard{p, m}
	}, c
}

func TestHandlerGetsAllMessages(t *testing.T) {
	ctx := within(t)
	handle, got := hearing()
	l := listen(t, intentra.Config{Handler: handle})
	p := dial(t, l, intentra.Config{})
	for i, intent := range intents {
		m := intentra.Message{Channel: uint32(i), Intent: intent, Payload: fmt.Append(nil, i)}
		require.NoError(t, p.SendWait(ctx, m))
		h := next(t, ctx, got)
		require.Equal(t, m, h.m)
		require.Equal(t, p.Transport().PublicKey(), h.from.Key())
	}
	expired, cancel := context.WithCancel(ctx)
	cancel()
	_, err := l.Receive(expired)
	require.ErrorIs(t, err, context.Canceled, "the Handler gets them all")
}

// A Handler may send, to whoever it was and to all.
func TestHandlerMaySend(t *testing.T) {
	ctx := within(t)
	told, happened := events()
	l := listen(t, intentra.Config{OnPeer: told, Handler: func(p *intentra.Peer, m intentra.Message) {
		p.Send(m)
		p.Transport().Broadcast(m)
	}})
	a := dial(t, l, intentra.Config{})
	b := dial(t, l, intentra.Config{})
	next(t, ctx, happened)
	next(t, ctx, happened)
	for range 100 {
		require.NoError(t, a.SendWait(ctx, reliable("x")))
		for _, p := range []*intentra.Peer{a, a, b} {
			m, err := p.Receive(ctx)
			require.NoError(t, err)
			require.Equal(t, "x", string(m.Payload))
		}
	}
}

// A Handler may close its peer.
func TestHandlerMayCloseThePeer(t *testing.T) {
	ctx := within(t)
	l := listen(t, intentra.Config{Handler: func(p *intentra.Peer, m intentra.Message) { _ = p.Close() }})
	told, happened := events()
	p := dial(t, l, intentra.Config{OnPeer: told})
	require.True(t, next(t, ctx, happened).Up)
	require.NoError(t, p.SendWait(ctx, reliable("bye")))
	require.Equal(t, "closed", next(t, ctx, happened).Reason.String())
}

// A Handler that takes over a millisecond is counted.
func TestSlowHandlerCallsAreCounted(t *testing.T) {
	ctx := within(t)
	handled := make(chan struct{}, 1)
	l := listen(t, intentra.Config{Handler: func(*intentra.Peer, intentra.Message) {
		for begin := time.Now(); time.Since(begin) <= 2*time.Millisecond; {
		}
		handled <- struct{}{}
	}})
	p := dial(t, l, intentra.Config{})
	for n := range uint64(3) {
		require.NoError(t, p.SendWait(ctx, reliable("slow")))
		next(t, ctx, handled)
		eventually(t, ctx, "it is counted", func() bool { return l.Stats().SlowHandlerCalls > n })
	}
}
