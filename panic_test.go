package intentra_test

import (
	"context"
	"log/slog"
	"net"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/udp"
)

// panicAtBoom returns a stage that panics at messages with the payload "boom".
func panicAtBoom(name string) pipeline.Stage {
	return pipeline.Func(name, nil, func(p *pipeline.Packet) pipeline.Verdict {
		if string(p.Payload()) == "boom" {
			panic(name)
		}
		return pipeline.Accept
	})
}

// A panic in user code loses the message and is counted, and everything goes on.
func TestPanicsAreRecovered(t *testing.T) {
	for name, c := range map[string]struct {
		listener, dialer intentra.Config
		stage            string // that counts the drop
		outbound         bool
	}{
		"Handler": {
			listener: intentra.Config{Handler: func(m intentra.Received) {
				if string(m.Payload) == "boom" {
					panic("Handler")
				}
			}},
			stage: "dispatch",
		},
		"inbound stage": {
			listener: intentra.Config{Stages: func(s *stages.Set) error { s.InsertAfter("ack", panicAtBoom("panicker")); return nil }},
			stage:    "panicker",
		},
		"outbound stage": {
			dialer:   intentra.Config{Stages: func(s *stages.Set) error { s.Outbound.InsertBefore("pack", panicAtBoom("panicker")); return nil }},
			stage:    "panicker",
			outbound: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := loopback.Context(t)
			l := loopback.Listen(t, c.listener)
			p := loopback.Dial(t, l, c.dialer)
			broken := l
			if c.outbound {
				broken = p.Transport()
			}
			const n = 30
			for range n {
				for _, intent := range intents {
					require.NoError(t, p.SendWait(ctx, intentra.Message{Intent: intent, Payload: []byte("boom")}))
					require.NoError(t, p.SendWait(ctx, intentra.Message{Intent: intentra.Reliable, Payload: []byte("fine")}))
				}
			}
			loopback.Eventually(t, ctx, "the other messages arrive", func() bool { return l.Stats().MessagesIn >= n*uint64(len(intents)) })
			row := func() uint64 {
				s := broken.Stats()
				if c.outbound {
					return loopback.Drops(t, s.Out, c.stage, "panic").Messages
				}
				return loopback.Drops(t, s.In, c.stage, "panic").Messages
			}
			// Some of the Latest messages may have replaced each other.
			loopback.Eventually(t, ctx, "panics are counted", func() bool {
				n := row()
				return n > 0 && broken.Stats().Panics == n
			})
			require.True(t, p.Connected())
			require.Equal(t, 1, l.Stats().Sessions)
		})
	}
}

func TestPanicInOnPeer(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{OnPeer: func(intentra.PeerEvent) { panic("OnPeer") }})
	p := loopback.Dial(t, l, intentra.Config{})
	require.NoError(t, p.SendWait(ctx, loopback.Reliable("x")))
	require.Equal(t, "x", string(loopback.Receive(t, ctx, l).Payload))
	require.NoError(t, p.Close())
	loopback.Eventually(t, ctx, "up and down have panicked", func() bool { return l.Stats().Panics == 2 })
	loopback.Dial(t, l, intentra.Config{})
}

// A panic in Authorize refuses the key.
func TestPanicInAuthorize(t *testing.T) {
	ctx := loopback.Context(t)
	var fine atomic.Bool
	l := loopback.Listen(t, intentra.Config{Authorize: func(intentra.PublicKey) bool {
		if !fine.Load() {
			panic("Authorize")
		}
		return true
	}})
	_, err := intentra.Dial(ctx, l.LocalAddr().String(), l.PublicKey(), shortTimeout(t))
	require.ErrorIs(t, err, intentra.ErrNotConfirmed)
	require.EqualValues(t, 1, l.Stats().Panics)
	require.Zero(t, l.Stats().Sessions)
	fine.Store(true)
	loopback.Dial(t, l, intentra.Config{})
}

// runtime.Goexit in Authorize, as by a failed assertion, refuses the key like a
// panic. The worker is replaced each time.
func TestGoexitInAuthorize(t *testing.T) {
	ctx := loopback.Context(t)
	var fine atomic.Bool
	var asked atomic.Uint64
	l := loopback.Listen(t, intentra.Config{Authorize: func(intentra.PublicKey) bool {
		if !fine.Load() {
			asked.Add(1)
			runtime.Goexit()
		}
		return true
	}})
	for range 2 {
		_, err := intentra.Dial(ctx, l.LocalAddr().String(), l.PublicKey(), shortTimeout(t))
		require.ErrorIs(t, err, intentra.ErrNotConfirmed)
	}
	loopback.Eventually(t, ctx, "both are refused and over", func() bool {
		s := l.Stats()
		return loopback.Count(t, s.Handshakes, "refused") == asked.Load() && s.HandshakesInFlight == 0
	})
	require.GreaterOrEqual(t, asked.Load(), uint64(2))
	require.Equal(t, asked.Load(), l.Stats().Panics)
	require.Zero(t, l.Stats().Sessions)
	fine.Store(true)
	loopback.Dial(t, l, intentra.Config{})
}

// runtime.Goexit on the loop ends the transport like Close.
func TestGoexitInHandler(t *testing.T) {
	ctx := loopback.Context(t)
	onPeer, events := loopback.Events()
	l := loopback.Listen(t, intentra.Config{OnPeer: onPeer, Handler: func(intentra.Received) { runtime.Goexit() }})
	p := loopback.Dial(t, l, intentra.Config{})
	require.Equal(t, intentra.PeerUp, loopback.Next(t, ctx, events).Kind)
	require.NoError(t, p.SendWait(ctx, loopback.Reliable("x")))
	require.NoError(t, l.Run(ctx))
	require.Equal(t, intentra.PeerDown, loopback.Next(t, ctx, events).Kind)
	require.NoError(t, l.Close())
	require.Empty(t, l.Peers())
	_, err := l.Dial(ctx, p.Transport().LocalAddr().String(), p.Transport().PublicKey())
	require.ErrorIs(t, err, net.ErrClosed)
}

// panickingHandler panics in all methods except Enabled.
type panickingHandler struct{ slog.Handler }

func (panickingHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (panickingHandler) Handle(context.Context, slog.Record) error { panic("Handle") }
func (h panickingHandler) WithAttrs([]slog.Attr) slog.Handler      { panic("WithAttrs") }
func (h panickingHandler) WithGroup(string) slog.Handler           { panic("WithGroup") }

// A panic in the handler of Config.Logger loses the record, is counted, and stops
// nothing.
func TestPanicInLogger(t *testing.T) {
	ctx := loopback.Context(t)
	log := slog.New(panickingHandler{})
	l := loopback.Listen(t, intentra.Config{Logger: log, Socket: udp.Config{Logger: log, ReadBuffer: 1 << 30}})
	p := loopback.Dial(t, l, intentra.Config{})
	require.NoError(t, p.SendWait(ctx, loopback.Reliable("x")))
	require.Equal(t, "x", string(loopback.Receive(t, ctx, l).Payload))
	require.NoError(t, p.Close())
	loopback.Eventually(t, ctx, "the peer is down", func() bool { return len(l.Peers()) == 0 })
	require.NotZero(t, l.Stats().Panics)
	require.NoError(t, l.Close())
}
