package intentra_test

import (
	"fmt"
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
