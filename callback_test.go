package intentra_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

// waitingCalls are the calls that wait for the loop or for another goroutine, made by a
// side that has dialled, with the error that they return in a callback.
var waitingCalls = map[string]struct {
	call func(ctx context.Context, p *intentra.Peer) error
	want error
}{
	"Peer.Close":          {func(_ context.Context, p *intentra.Peer) error { return p.Close() }, nil},
	"Transport.Close":     {func(_ context.Context, p *intentra.Peer) error { return p.Transport().Close() }, nil},
	"Transport.Shutdown":  {func(ctx context.Context, p *intentra.Peer) error { return p.Transport().Shutdown(ctx) }, intentra.ErrInCallback},
	"Transport.CheckLoop": {func(ctx context.Context, p *intentra.Peer) error { return p.Transport().CheckLoop(ctx) }, intentra.ErrInCallback},
	"Transport.Run":       {func(ctx context.Context, p *intentra.Peer) error { return p.Transport().Run(ctx) }, intentra.ErrInCallback},
	"Transport.Receive": {func(ctx context.Context, p *intentra.Peer) error {
		_, err := p.Transport().Receive(ctx)
		return err
	}, intentra.ErrInCallback},
	"Transport.ReceiveBatch": {func(ctx context.Context, p *intentra.Peer) error {
		_, err := p.Transport().ReceiveBatch(ctx, make([]intentra.Received, 1))
		return err
	}, intentra.ErrInCallback},
	"Peer.ReceiveBatch": {func(ctx context.Context, p *intentra.Peer) error {
		_, err := p.ReceiveBatch(ctx, make([]intentra.Received, 1))
		return err
	}, intentra.ErrInCallback},
	"Peer.Receive": {func(ctx context.Context, p *intentra.Peer) error {
		_, err := p.Receive(ctx)
		return err
	}, intentra.ErrInCallback},
	"Peer.SendWait": {func(ctx context.Context, p *intentra.Peer) error {
		for {
			if err := p.SendWait(ctx, loopback.Reliable("until the queue is full")); err != nil {
				return err
			}
		}
	}, intentra.ErrInCallback},
	"Transport.Dial": {func(ctx context.Context, p *intentra.Peer) error {
		_, err := p.Transport().Dial(ctx, p.Addr().String(), p.Key())
		return err
	}, intentra.ErrInCallback},
	"Transport.DialAs": {func(ctx context.Context, p *intentra.Peer) error {
		_, err := p.Transport().DialAs(ctx, intentra.PrivateKey{1}, p.Addr().String(), p.Key())
		return err
	}, intentra.ErrInCallback},
	"Dial": {func(ctx context.Context, p *intentra.Peer) error {
		_, err := intentra.Dial(ctx, p.Addr().String(), p.Key(), intentra.Config{Key: intentra.PrivateKey{1}})
		return err
	}, intentra.ErrInCallback},
}

// No call that is made in a callback on the loop waits: it returns an error, or does
// what it can. A closed transport ends after the callback.
func TestCallsInCallbacks(t *testing.T) {
	for name, c := range waitingCalls {
		for place, install := range map[string]func(cfg *intentra.Config, first func(p func() *intentra.Peer)){
			"Handler": func(cfg *intentra.Config, first func(func() *intentra.Peer)) {
				cfg.Handler = func(m intentra.Received) { first(func() *intentra.Peer { return m.Peer }) }
			},
			"OnPeer": func(cfg *intentra.Config, first func(func() *intentra.Peer)) {
				cfg.OnPeer = func(e intentra.PeerEvent) { first(func() *intentra.Peer { return e.Peer }) }
			},
		} {
			if place == "Handler" && strings.Contains(name, ".Receive") {
				continue // refused wherever it is called, as there is a Handler
			}
			t.Run(name+" in "+place, func(t *testing.T) {
				ctx := loopback.Context(t)
				onPeer, events := loopback.Events()
				l := loopback.Listen(t, intentra.Config{OnPeer: onPeer})
				result := make(chan error, 1)
				called := false
				cfg := intentra.Config{ReliableQueueMessages: 4, Key: loopback.Key(t)}
				install(&cfg, func(p func() *intentra.Peer) {
					if !called {
						called = true
						result <- c.call(ctx, p())
					}
				})
				d := loopback.ListenOn(t, "127.0.0.1:0", cfg)
				dialled := make(chan error, 1)
				go func() {
					_, err := d.Dial(ctx, l.LocalAddr().String(), l.PublicKey())
					dialled <- err
				}()
				theirs := loopback.Next(t, ctx, events).Peer
				theirs.Send(loopback.Reliable("hello"))
				require.ErrorIs(t, loopback.Next(t, ctx, result), c.want)
				loopback.Next(t, ctx, dialled)
				if name == "Transport.Close" {
					require.NoError(t, d.Run(ctx), "the loop ends")
					require.ErrorIs(t, d.Shutdown(ctx), net.ErrClosed)
				}
			})
		}
	}
}

// Close of a peer from the function Dial, in its Handler, closes the transport, too.
func TestCloseOfADialledPeerInItsHandler(t *testing.T) {
	ctx := loopback.Context(t)
	onPeer, events := loopback.Events()
	l := loopback.Listen(t, intentra.Config{OnPeer: onPeer})
	closed := make(chan error, 16)
	p := loopback.Dial(t, l, intentra.Config{Handler: func(m intentra.Received) { closed <- m.Peer.Close() }})
	for loopback.Next(t, ctx, events).Peer.Send(loopback.Reliable("close")).Err != nil {
	}
	require.NoError(t, loopback.Next(t, ctx, closed))
	require.NoError(t, p.Transport().Run(ctx))
	require.Equal(t, intentra.PeerDown, loopback.Next(t, ctx, events).Kind)
}

// Authorize and stages are callbacks as well. Other goroutines may wait while a
// callback runs.
func TestCallsInAuthorizeAndStages(t *testing.T) {
	ctx := loopback.Context(t)
	results := make(chan error, 16)
	var l *intentra.Transport
	ready, during := make(chan struct{}), make(chan error, 1)
	dial := func() {
		<-ready
		_, err := l.Dial(ctx, "127.0.0.1:1", loopback.Key(t).Public())
		results <- err
	}
	l = loopback.Listen(t, intentra.Config{
		Authorize: func(context.Context, intentra.Handshake) bool { dial(); return true },
		Stages: func(s *stages.Set) error {
			s.InsertAfter("ack", pipeline.Func("dialling", nil, func(*pipeline.Packet) pipeline.Verdict { dial(); return pipeline.Accept }))
			return nil
		},
		Handler: func(m intentra.Received) {
			go func() { during <- m.Peer.SendWait(ctx, loopback.Reliable("from another goroutine")) }()
			results <- <-during
		},
	})
	close(ready)
	p := loopback.Dial(t, l, intentra.Config{})
	require.Equal(t, intentra.Queued, p.Send(loopback.Reliable("hello")).Status)
	for range 2 {
		require.ErrorIs(t, loopback.Next(t, ctx, results), intentra.ErrInCallback)
	}
	require.NoError(t, loopback.Next(t, ctx, results))
}
