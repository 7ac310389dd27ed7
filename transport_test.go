package intentra_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

func TestMessagesArriveByEveryIntentAndSuite(t *testing.T) {
	for _, suite := range []intentra.Suite{intentra.AESGCM, intentra.ChaChaPoly} {
		for _, intent := range []intentra.Intent{intentra.Realtime, intentra.Latest, intentra.Reliable} {
			t.Run(fmt.Sprintf("%v/%v", suite, intent), func(t *testing.T) {
				ctx := loopback.Context(t)
				l := loopback.Listen(t, intentra.Config{})
				p := loopback.Dial(t, l, intentra.Config{Suite: suite})
				require.Equal(t, intentra.Queued, p.Send(intentra.Message{Channel: 70000, Intent: intent, Payload: []byte("state")}).Status)
				r, err := l.Receive(ctx)
				require.NoError(t, err)
				require.Equal(t, intentra.Message{Channel: 70000, Intent: intent, Payload: []byte("state")}, r.Message)
				require.Equal(t, p.Transport().PublicKey(), r.Peer.Key())

				require.Equal(t, intentra.Queued, r.Peer.Send(intentra.Message{Intent: intent, Payload: []byte("answer")}).Status)
				m, err := p.Receive(ctx)
				require.NoError(t, err)
				require.Equal(t, "answer", string(m.Payload))
			})
		}
	}
}

func TestReliableKeepsOrder(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{})
	p := loopback.Dial(t, l, intentra.Config{})
	const n = 20000
	sent := make(chan error, 1)
	go func() {
		for i := range n {
			if err := p.SendWait(ctx, intentra.Message{Intent: intentra.Reliable, Payload: fmt.Append(nil, i)}); err != nil {
				sent <- err
				return
			}
		}
		sent <- p.Transport().Shutdown(ctx)
	}()
	for i := range n {
		r, err := l.Receive(ctx)
		require.NoError(t, err, i)
		require.Equal(t, fmt.Sprint(i), string(r.Payload))
	}
	require.NoError(t, <-sent)
}

// lateContext is a context that expires soon after it is waited for.
type lateContext struct {
	context.Context
	expire func()
}

func (c lateContext) Done() <-chan struct{} {
	go c.expire()
	return c.Context.Done()
}

// CheckLoop answers as long as the loop turns, and not while a Handler holds it up.
func TestCheckLoop(t *testing.T) {
	ctx := loopback.Context(t)
	entered, left := make(chan struct{}), make(chan struct{})
	leave := sync.OnceFunc(func() { close(left) })
	l := loopback.Listen(t, intentra.Config{Handler: func(intentra.Received) {
		close(entered)
		<-left
	}})
	t.Cleanup(leave)
	require.NoError(t, l.CheckLoop(ctx))
	p := loopback.Dial(t, l, intentra.Config{})
	p.Send(loopback.Reliable("stop"))
	<-entered
	why := errors.New("long enough")
	late, cancel := context.WithCancelCause(ctx)
	require.ErrorIs(t, l.CheckLoop(lateContext{late, func() { cancel(why) }}), why)
	require.ErrorIs(t, l.CheckLoop(late), why, "it has expired")
	leave()
	require.NoError(t, l.CheckLoop(ctx))
	require.NoError(t, l.Close())
	require.ErrorIs(t, l.CheckLoop(ctx), net.ErrClosed)
}
