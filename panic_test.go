package intentra_test

import (
	"context"
	"log/slog"
	"net"
	"runtime"
	"strings"
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
	l := loopback.Listen(t, intentra.Config{Authorize: func(context.Context, intentra.Handshake) bool {
		if !fine.Load() {
			panic("Authorize")
		}
		return true
	}})
	refuse(t, ctx, l, "failed", func(ctx context.Context) error {
		_, err := intentra.Dial(ctx, l.LocalAddr().String(), l.PublicKey(), intentra.Config{Key: loopback.Key(t)})
		return err
	})
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
	l := loopback.Listen(t, intentra.Config{Authorize: func(context.Context, intentra.Handshake) bool {
		if !fine.Load() {
			asked.Add(1)
			runtime.Goexit()
		}
		return true
	}})
	for range 2 {
		refuseKey(t, ctx, l, loopback.Key(t))
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

// goexits ends its goroutine in each method named.
type goexits struct {
	pipeline.Stage
	in string
}

func (s goexits) at(method string) {
	if s.in == method {
		runtime.Goexit()
	}
}

func (s goexits) Process(*pipeline.Packet) pipeline.Verdict {
	s.at("Process")
	return pipeline.Accept
}
func (s goexits) Settle(*pipeline.Packet, pipeline.Verdict) { s.at("Settle") }
func (s goexits) PeerOpened(pipeline.PeerNotice)            { s.at("PeerOpened") }
func (s goexits) PeerClosed(pipeline.PeerNotice)            { s.at("PeerClosed") }
func (s goexits) SessionOpened(pipeline.SessionNotice)      { s.at("SessionOpened") }
func (s goexits) SessionClosed(pipeline.SessionNotice)      { s.at("SessionClosed") }
func (s goexits) EpochOpened(pipeline.EpochNotice)          { s.at("EpochOpened") }
func (s goexits) EpochClosed(pipeline.EpochNotice)          { s.at("EpochClosed") }
func (s goexits) Warm(_, _ pipeline.ID, _ uint64) uint64    { s.at("Warm"); return 0 }

// goexitHandler ends the goroutine that logs.
type goexitHandler struct{ slog.Handler }

func (goexitHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h goexitHandler) WithAttrs([]slog.Attr) slog.Handler     { return h }
func (goexitHandler) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "peer up" || r.Level == slog.LevelError {
		runtime.Goexit()
	}
	return nil
}

// goexitCases are configurations of which one callback ends its goroutine each time
// that it is called.
func goexitCases() map[string]intentra.Config {
	cases := map[string]intentra.Config{
		"Handler": {Handler: func(intentra.Received) { runtime.Goexit() }},
		"OnPeer":  {OnPeer: func(intentra.PeerEvent) { runtime.Goexit() }},
		"Logger":  {Logger: slog.New(goexitHandler{})},
		"a stage and OnPeer": {
			OnPeer: func(intentra.PeerEvent) { runtime.Goexit() },
			Stages: func(s *stages.Set) error {
				s.InsertAfter("ack", goexits{pipeline.Func("bad", nil, nil), "Process"})
				return nil
			},
		},
		"an outbound stage": {Stages: func(s *stages.Set) error {
			s.Outbound.InsertBefore("pack", goexits{pipeline.Func("bad", nil, nil), "Process"})
			return nil
		}},
		"an outbound packet stage": {Stages: func(s *stages.Set) error {
			s.Outbound.InsertAfter("pack", goexits{pipeline.Func("bad", nil, nil), "Process"})
			return nil
		}},
	}
	for _, method := range []string{"Process", "Settle", "PeerOpened", "SessionOpened", "SessionClosed", "EpochOpened", "EpochClosed", "Warm"} {
		cases[method] = intentra.Config{Stages: func(s *stages.Set) error {
			s.InsertAfter("replay", goexits{pipeline.Func("bad", nil, nil), method})
			return nil
		}}
	}
	return cases
}

// runtime.Goexit on the loop ends the transport with an error, even if it is called
// again while the transport ends. It is counted, and no call waits for the loop in vain.
func TestGoexitOnTheLoop(t *testing.T) {
	for name, cfg := range goexitCases() {
		t.Run(name, func(t *testing.T) {
			ctx := loopback.Context(t)
			l := loopback.Listen(t, cfg)
			d := loopback.ListenOn(t, "127.0.0.1:0", intentra.Config{Key: loopback.Key(t), Authorize: intentra.AllowAny})
			back, ran := make(chan error, 2), make(chan error, 1)
			if cfg.Handler != nil {
				back <- net.ErrClosed
			} else {
				go func() { back <- receiveAll(ctx, l) }()
			}
			go func() {
				_, err := l.Dial(ctx, "127.0.0.1:1", loopback.Key(t).Public())
				back <- err
			}()
			go func() { ran <- l.Run(ctx) }()
			go func() {
				if p, err := d.Dial(ctx, l.LocalAddr().String(), l.PublicKey()); err == nil {
					for p.SendWait(ctx, loopback.Reliable("x")) == nil {
					}
				}
			}()
			var err error
			loopback.Eventually(t, ctx, "the loop ends", func() bool {
				for _, p := range l.Peers() {
					p.Send(loopback.Reliable("y"))
					if strings.HasSuffix(name, "Closed") {
						_ = p.Close()
					}
				}
				select {
				case err = <-ran:
					return true
				default:
					return false
				}
			})
			require.ErrorContains(t, err, "runtime.Goexit")
			for range 2 {
				require.ErrorIs(t, loopback.Next(t, ctx, back), net.ErrClosed)
			}
			require.NoError(t, l.Close())
			require.ErrorIs(t, l.Shutdown(ctx), net.ErrClosed)
			require.Empty(t, l.Peers())
			require.NotZero(t, l.Stats().Panics)
			_, err = l.Dial(ctx, d.LocalAddr().String(), d.PublicKey())
			require.ErrorIs(t, err, net.ErrClosed)
		})
	}
}

// receiveAll receives until there is an error, and returns it.
func receiveAll(ctx context.Context, t *intentra.Transport) error {
	for {
		if _, err := t.Receive(ctx); err != nil {
			return err
		}
	}
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
