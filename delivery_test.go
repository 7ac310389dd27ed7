package intentra_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

// acked is the result of SendAcked.
type acked struct {
	intentra.Delivery
	err error
}

// sendAcked calls SendAcked in a goroutine.
func sendAcked(ctx context.Context, p *intentra.Peer, m intentra.Message) <-chan acked {
	done := make(chan acked, 1)
	go func() {
		d, err := p.SendAcked(ctx, m)
		done <- acked{d, err}
	}()
	return done
}

// SendAcked returns the outcome of a message with any intent, and passes a token on to
// OnDelivery.
func TestSendAcked(t *testing.T) {
	ctx := loopback.Context(t)
	told := make(chan intentra.Delivery, 10)
	handler, messages := loopback.Messages()
	l := loopback.Listen(t, intentra.Config{Handler: handler})
	p := loopback.Dial(t, l, intentra.Config{OnDelivery: func(d intentra.Delivery) { told <- d }})
	for i, m := range []intentra.Message{loopback.Realtime("a"), loopback.Latest(7, "b"), loopback.Reliable("c")} {
		m.Token = uint64(i) // the first has none
		d, err := p.SendAcked(ctx, m)
		require.NoError(t, err)
		require.Equal(t, intentra.Delivery{
			Peer: p, Channel: m.Channel, Intent: m.Intent, Token: m.Token, Outcome: intentra.Acked, Took: d.Took,
		}, d)
		require.Equal(t, string(m.Payload), string(loopback.Next(t, ctx, messages).Payload))
		if m.Token != 0 {
			require.Equal(t, d, loopback.Next(t, ctx, told))
		}
	}
	require.Empty(t, told)
}

// stuck returns a peer that acknowledges nothing: its loop is stuck in a Handler with the
// first message.
func stuck(t *testing.T) *intentra.Peer {
	release := make(chan struct{})
	l := loopback.Listen(t, intentra.Config{Handler: func(intentra.Received) { <-release }})
	t.Cleanup(func() { close(release) })
	return loopback.Dial(t, l, intentra.Config{})
}

// SendAcked returns an error for a message that the peer does not acknowledge, which
// names the outcome if there is one.
func TestSendAckedOfWhatIsNotAcked(t *testing.T) {
	ctx := loopback.Context(t)
	t.Run("expired", func(t *testing.T) {
		m := loopback.Reliable("old")
		m.TTL = 1
		d, err := stuck(t).SendAcked(ctx, m)
		require.ErrorIs(t, err, intentra.ErrNotAcked)
		require.ErrorContains(t, err, "expired")
		require.Equal(t, intentra.Expired, d.Outcome)
	})
	t.Run("the context ends", func(t *testing.T) {
		p, cause := stuck(t), errors.New("changed its mind")
		ended, cancel := context.WithCancelCause(ctx)
		done := sendAcked(ended, p, loopback.Reliable("stays"))
		loopback.Eventually(t, ctx, "it is sent", func() bool { return p.Stats().MessagesOut > 0 })
		cancel(cause)
		require.Equal(t, cause, loopback.Next(t, ctx, done).err)
	})
	t.Run("the transport closes", func(t *testing.T) {
		p := stuck(t)
		done := sendAcked(ctx, p, loopback.Reliable("is lost"))
		loopback.Eventually(t, ctx, "it is sent", func() bool { return p.Stats().MessagesOut > 0 })
		require.NoError(t, p.Transport().Close())
		r := loopback.Next(t, ctx, done)
		require.ErrorIs(t, r.err, intentra.ErrNotAcked)
		require.Equal(t, intentra.GivenUp, r.Outcome)
	})
}

// In a callback, which must not wait, SendAcked sends nothing.
func TestSendAckedInACallback(t *testing.T) {
	ctx := loopback.Context(t)
	results := make(chan error, 1)
	l := loopback.Listen(t, intentra.Config{Handler: func(m intentra.Received) {
		_, err := m.Peer.SendAcked(ctx, m.Message)
		results <- err
	}})
	p := loopback.Dial(t, l, intentra.Config{})
	_, err := p.SendAcked(ctx, loopback.Reliable("x"))
	require.NoError(t, err)
	require.ErrorIs(t, loopback.Next(t, ctx, results), intentra.ErrInCallback)
	require.Zero(t, p.Stats().MessagesIn)
}
