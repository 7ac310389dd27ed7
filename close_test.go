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
)

func TestCloseIsIdempotentAndFinal(t *testing.T) {
	ctx := within(t)
	key := newKey(t)
	l := listen(t, intentra.Config{Key: key})
	p := dial(t, l, intentra.Config{})
	require.NoError(t, p.SendWait(ctx, reliable("hello")))
	theirs := receive(t, ctx, l).Peer

	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			// Whoever's Close has returned finds everything at an end.
			if len(l.Peers()) != 0 || theirs.Connected() || !errors.Is(theirs.Send(reliable("x")).Err, net.ErrClosed) {
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
	require.EqualValues(t, 1, count(t, s.Closes, "shutdown"))

	listenOn(t, l.LocalAddr().String(), intentra.Config{}) // the port is free
}

// Close in the middle of everything.
func TestCloseWhileOthersSend(t *testing.T) {
	ctx := within(t)
	for range 10 {
		l := listen(t, intentra.Config{ReceiveQueue: 16})
		p := dial(t, l, intentra.Config{})
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
		eventually(t, ctx, "traffic", func() bool { return l.Stats().MessagesIn > 100 })
		require.NoError(t, p.Close())
		require.NoError(t, l.Close())
		wg.Wait()
	}
}

func TestPeerCloseEndsItsOwnTransport(t *testing.T) {
	ctx := within(t)
	told, happened := events()
	l := listen(t, intentra.Config{OnPeer: told})
	p := dial(t, l, intentra.Config{})
	require.True(t, next(t, ctx, happened).Up)
	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
	require.ErrorIs(t, p.Transport().Shutdown(ctx), net.ErrClosed)
	require.Equal(t, "shutdown", next(t, ctx, happened).Reason.String())
}

// Shutdown returns once all Reliable messages are acknowledged.
func TestShutdownDeliversWhatWaits(t *testing.T) {
	ctx := within(t)
	const n = 2000
	handle, got := hearing()
	l := listen(t, intentra.Config{Handler: handle})
	p := dial(t, l, intentra.Config{ReliableQueueMessages: n})
	for i := range n {
		require.Equal(t, intentra.Queued, p.Send(reliable(fmt.Sprint(i))).Status)
	}
	require.NoError(t, p.Transport().Shutdown(ctx))
	require.Len(t, got, n)
	for i := range n {
		require.Equal(t, fmt.Sprint(i), string(next(t, ctx, got).m.Payload))
	}
	s := p.Stats()
	require.EqualValues(t, s.MessagesOut, s.Acked+s.Lost)
	require.GreaterOrEqual(t, s.Acked, uint64(n))
	require.Zero(t, s.QueuedMessages)
}

func TestShutdownFromBothSidesAndTwice(t *testing.T) {
	ctx := within(t)
	l := listen(t, intentra.Config{})
	p := dial(t, l, intentra.Config{})
	require.NoError(t, p.Send(reliable("x")).Err)
	ended := make(chan error, 3)
	go func() { ended <- p.Transport().Shutdown(ctx) }()
	go func() { ended <- p.Transport().Shutdown(ctx) }()
	go func() { ended <- l.Shutdown(ctx) }()
	for range 3 {
		if err := next(t, ctx, ended); err != nil {
			require.ErrorIs(t, err, net.ErrClosed)
		}
	}
}

// When nobody acknowledges, Shutdown ends with its context.
func TestShutdownGivesUp(t *testing.T) {
	ctx := within(t)
	l := listen(t, intentra.Config{})
	r := newRelay(t, l.LocalAddr())
	p := dialTo(t, r.addr(), l.PublicKey(), intentra.Config{})
	r.blocked.Store(true)
	require.NoError(t, p.Send(reliable("into the void")).Err)

	expired, cancel := context.WithCancelCause(ctx)
	why := errors.New("enough")
	cancel(why)
	require.ErrorIs(t, p.Transport().Shutdown(expired), why)
	require.ErrorIs(t, p.Send(reliable("x")).Err, net.ErrClosed)
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx := within(t)
	handle, got := hearing()
	l := listen(t, intentra.Config{Handler: handle})
	p := dial(t, l, intentra.Config{})
	short, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- p.Transport().Run(short) }()
	require.NoError(t, p.SendWait(ctx, reliable("before")))
	cancel()
	require.NoError(t, next(t, ctx, ended))
	require.Equal(t, "before", string(next(t, ctx, got).m.Payload), "Run shuts down in good order")
	require.ErrorIs(t, p.Send(reliable("after")).Err, net.ErrClosed)
}

func TestRunEndsWithTheTransport(t *testing.T) {
	ctx := within(t)
	l := listen(t, intentra.Config{})
	ended := make(chan error, 2)
	for range cap(ended) {
		go func() { ended <- l.Run(ctx) }()
	}
	require.NoError(t, l.Close())
	for range cap(ended) {
		require.NoError(t, next(t, ctx, ended))
	}
}

// Each session that ends is in a row, whatever reason its peer has given: one
// that has no name yet as well.
func TestUnknownCloseReasonsAreCounted(t *testing.T) {
	ctx := within(t)
	l := listen(t, intentra.Config{})
	for i, reason := range []intentra.CloseReason{8, 20, 31} {
		told, happened := events()
		p := dial(t, l, intentra.Config{OnPeer: told})
		require.True(t, next(t, ctx, happened).Up)
		require.NoError(t, p.CloseReason(reason))
		require.False(t, next(t, ctx, happened).Up)
		eventually(t, ctx, "the close is counted", func() bool {
			return count(t, l.Stats().Closes, "unknown") == uint64(i+1) && count(t, p.Transport().Stats().Closes, "unknown") == 1
		})
	}
	for _, c := range l.Stats().Closes {
		if c.Name != "unknown" {
			require.Zero(t, c.Count, c.Name)
		}
	}
}

// What one side has found out for itself is no reason to tell the other.
func TestOwnFindingsAreNoReasonToClose(t *testing.T) {
	ctx := within(t)
	told, happened := events()
	l := listen(t, intentra.Config{OnPeer: told})
	p := dial(t, l, intentra.Config{})
	theirs := next(t, ctx, happened).Peer
	for _, reason := range []intentra.CloseReason{32, 34, 65, 255} {
		require.Error(t, theirs.CloseReason(reason))
	}
	require.NoError(t, p.SendWait(ctx, reliable("still here")))
	require.Equal(t, "still here", string(receive(t, ctx, l).Payload))
	require.True(t, theirs.Connected())
}
