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

func TestCloseIsIdempotentAndFinal(t *testing.T) {
	ctx := loopback.Context(t)
	key, addr := loopback.Key(t), loopback.Address().String()
	l := loopback.ListenOn(t, addr, intentra.Config{Key: key})
	p := loopback.Dial(t, l, intentra.Config{})
	require.NoError(t, p.SendWait(ctx, loopback.Reliable("hello")))
	theirs := loopback.Receive(t, ctx, l).Peer

	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			// When a Close returns, everything has ended.
			if len(l.Peers()) != 0 || theirs.Connected() || !errors.Is(theirs.Send(loopback.Reliable("x")).Err, net.ErrClosed) {
				t.Error("Close has returned before the end")
			}
		})
	}
	wg.Wait()
	require.NoError(t, l.Close())
	require.ErrorIs(t, l.Shutdown(ctx), net.ErrClosed)
	require.NoError(t, l.Run(ctx))
	require.ErrorIs(t, theirs.Close(), net.ErrClosed)
	l.Revoke(theirs.Key())
	require.Empty(t, l.Peers())
	require.Equal(t, key.Public(), l.PublicKey())
	s := l.Stats()
	require.Zero(t, s.Sessions)
	require.Zero(t, s.QueueBytes)
	require.EqualValues(t, 1, loopback.Count(t, s.Closes, "shutdown"))

	loopback.ListenOn(t, addr, intentra.Config{}) // the port is free
}

// Close works while other goroutines send, receive and dial.
func TestCloseWhileOthersSend(t *testing.T) {
	ctx := loopback.Context(t)
	for range 10 {
		l := loopback.Listen(t, intentra.Config{ReceiveQueue: 16})
		p := loopback.Dial(t, l, intentra.Config{})
		var wg sync.WaitGroup
		for _, intent := range intents {
			wg.Go(func() {
				for {
					err := p.SendWait(ctx, intentra.Message{Intent: intent, Payload: make([]byte, 100)})
					if errors.Is(err, net.ErrClosed) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Go(func() {
			for {
				if _, err := l.Receive(ctx); err != nil {
					return
				}
			}
		})
		loopback.Eventually(t, ctx, "traffic", func() bool { return l.Stats().MessagesIn > 100 })
		require.NoError(t, p.Close())
		require.NoError(t, l.Close())
		wg.Wait()
	}
}

func TestPeerCloseEndsItsOwnTransport(t *testing.T) {
	ctx := loopback.Context(t)
	onPeer, events := loopback.Events()
	l := loopback.Listen(t, intentra.Config{OnPeer: onPeer})
	p := loopback.Dial(t, l, intentra.Config{})
	require.Equal(t, intentra.PeerUp, loopback.Next(t, ctx, events).Kind)
	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
	require.ErrorIs(t, p.Transport().Shutdown(ctx), net.ErrClosed)
	require.Equal(t, "shutdown", loopback.Next(t, ctx, events).Reason.String())
}

// Shutdown returns once all Reliable messages are acknowledged.
func TestShutdownDeliversQueuedMessages(t *testing.T) {
	ctx := loopback.Context(t)
	const n = 2000
	handle, got := loopback.Messages()
	l := loopback.Listen(t, intentra.Config{Handler: handle})
	p := loopback.Dial(t, l, intentra.Config{ReliableQueueMessages: n})
	for i := range n {
		require.Equal(t, intentra.Queued, p.Send(loopback.Reliable(fmt.Sprint(i))).Status)
	}
	require.NoError(t, p.Transport().Shutdown(ctx))
	require.Len(t, got, n)
	for i := range n {
		require.Equal(t, fmt.Sprint(i), string(loopback.Next(t, ctx, got).Payload))
	}
	s := p.Stats()
	require.EqualValues(t, s.MessagesOut, s.Acked+s.Lost)
	require.GreaterOrEqual(t, s.Acked, uint64(n))
	require.Zero(t, s.QueuedMessages)
}

func TestShutdownFromBothSidesAndTwice(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{})
	p := loopback.Dial(t, l, intentra.Config{})
	require.NoError(t, p.Send(loopback.Reliable("x")).Err)
	ended := make(chan error, 3)
	go func() { ended <- p.Transport().Shutdown(ctx) }()
	go func() { ended <- p.Transport().Shutdown(ctx) }()
	go func() { ended <- l.Shutdown(ctx) }()
	for range 3 {
		if err := loopback.Next(t, ctx, ended); err != nil {
			require.ErrorIs(t, err, net.ErrClosed)
		}
	}
}

// Without acknowledgements Shutdown ends with its context.
func TestShutdownEndsWithItsContext(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{})
	r := loopback.NewNAT(t, l.LocalAddr())
	p := loopback.DialAddr(t, r.Addr(), l.PublicKey(), intentra.Config{})
	r.Block(true)
	require.NoError(t, p.Send(loopback.Reliable("into the void")).Err)

	expired, cancel := context.WithCancelCause(ctx)
	why := errors.New("enough")
	cancel(why)
	require.ErrorIs(t, p.Transport().Shutdown(expired), why)
	require.ErrorIs(t, p.Send(loopback.Reliable("x")).Err, net.ErrClosed)
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx := loopback.Context(t)
	handle, got := loopback.Messages()
	l := loopback.Listen(t, intentra.Config{Handler: handle})
	p := loopback.Dial(t, l, intentra.Config{})
	short, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- p.Transport().Run(short) }()
	require.NoError(t, p.SendWait(ctx, loopback.Reliable("before")))
	cancel()
	require.NoError(t, loopback.Next(t, ctx, ended))
	require.Equal(t, "before", string(loopback.Next(t, ctx, got).Payload), "Run shuts down in good order")
	require.ErrorIs(t, p.Send(loopback.Reliable("after")).Err, net.ErrClosed)
}

func TestRunEndsWithTheTransport(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{})
	ended := make(chan error, 2)
	for range cap(ended) {
		go func() { ended <- l.Run(ctx) }()
	}
	require.NoError(t, l.Close())
	for range cap(ended) {
		require.NoError(t, loopback.Next(t, ctx, ended))
	}
}

// Every session that ends is counted, also for a reason without a name.
func TestUnknownCloseReasonsAreCounted(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{})
	for i, reason := range []intentra.CloseReason{8, 20, 31} {
		onPeer, events := loopback.Events()
		p := loopback.Dial(t, l, intentra.Config{OnPeer: onPeer})
		require.Equal(t, intentra.PeerUp, loopback.Next(t, ctx, events).Kind)
		require.NoError(t, p.CloseWith(reason))
		require.Equal(t, intentra.PeerDown, loopback.Next(t, ctx, events).Kind)
		loopback.Eventually(t, ctx, "the close is counted", func() bool {
			return loopback.Count(t, l.Stats().Closes, "unknown") == uint64(i+1) && loopback.Count(t, p.Transport().Stats().Closes, "unknown") == 1
		})
	}
	for _, c := range l.Stats().Closes {
		if c.Name != "unknown" {
			require.Zero(t, c.Count, c.Name)
		}
	}
}

// Reasons that one side finds for itself cannot be sent to the peer.
func TestCloseRefusesLocalReasons(t *testing.T) {
	ctx := loopback.Context(t)
	onPeer, events := loopback.Events()
	l := loopback.Listen(t, intentra.Config{OnPeer: onPeer})
	p := loopback.Dial(t, l, intentra.Config{})
	theirs := loopback.Next(t, ctx, events).Peer
	for _, reason := range []intentra.CloseReason{32, 34, 65, 255} {
		require.Error(t, theirs.CloseWith(reason))
	}
	require.NoError(t, p.SendWait(ctx, loopback.Reliable("still here")))
	require.Equal(t, "still here", string(loopback.Receive(t, ctx, l).Payload))
	require.True(t, theirs.Connected())
}
