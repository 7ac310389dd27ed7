package intentra_test

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

// fragile panics at messages that say "boom".
func fragile(name string) pipeline.Stage {
	return pipeline.Func(name, nil, func(p *pipeline.Packet) pipeline.Verdict {
		if string(p.Payload()) == "boom" {
			panic(name)
		}
		return pipeline.Accept
	})
}

// A panic of the user's costs the message, is counted, and nothing else.
func TestPanicsAreRecovered(t *testing.T) {
	for name, c := range map[string]struct {
		listener, dialer intentra.Config
		stage            string // under which the drop stands
		outbound         bool
	}{
		"Handler": {
			listener: intentra.Config{Handler: func(_ *intentra.Peer, m intentra.Message) {
				if string(m.Payload) == "boom" {
					panic("Handler")
				}
			}},
			stage: "dispatch",
		},
		"inbound stage": {
			listener: intentra.Config{Stages: func(s *stages.Set) error { s.InsertAfter("ack", fragile("glass")); return nil }},
			stage:    "glass",
		},
		"outbound stage": {
			dialer:   intentra.Config{Stages: func(s *stages.Set) error { s.Outbound.InsertBefore("pack", fragile("glass")); return nil }},
			stage:    "glass",
			outbound: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := within(t)
			l := listen(t, c.listener)
			p := dial(t, l, c.dialer)
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
			eventually(t, ctx, "the others arrive", func() bool { return l.Stats().MessagesIn >= n*uint64(len(intents)) })
			row := func() uint64 {
				s := broken.Stats()
				if c.outbound {
					return drops(t, s.Out, c.stage, "panic").Messages
				}
				return drops(t, s.In, c.stage, "panic").Messages
			}
			// Latest messages may have superseded each other.
			eventually(t, ctx, "panics are counted", func() bool {
				n := row()
				return n > 0 && broken.Stats().Panics == n
			})
			require.True(t, p.Connected())
			require.Equal(t, 1, l.Stats().Sessions)
		})
	}
}

func TestPanicInOnPeer(t *testing.T) {
	ctx := within(t)
	l := listen(t, intentra.Config{OnPeer: func(intentra.PeerEvent) { panic("OnPeer") }})
	p := dial(t, l, intentra.Config{})
	require.NoError(t, p.SendWait(ctx, reliable("x")))
	require.Equal(t, "x", string(receive(t, ctx, l).Payload))
	require.NoError(t, p.Close())
	eventually(t, ctx, "up and down have panicked", func() bool { return l.Stats().Panics == 2 })
	dial(t, l, intentra.Config{})
}

// A panic in Authorize is a no.
func TestPanicInAuthorize(t *testing.T) {
	ctx := within(t)
	var fine atomic.Bool
	l := listen(t, intentra.Config{Authorize: func(intentra.PublicKey) bool {
		if !fine.Load() {
			panic("Authorize")
		}
		return true
	}})
	_, err := intentra.Dial(ctx, l.LocalAddr().String(), l.PublicKey(), hasty(t))
	require.ErrorIs(t, err, intentra.ErrNotConfirmed)
	require.EqualValues(t, 1, l.Stats().Panics)
	require.Zero(t, l.Stats().Sessions)
	fine.Store(true)
	dial(t, l, intentra.Config{})
}

// Authorize may end the goroutine that it runs in, as a failed assertion of a
// test does: that handshake fails, and the next ones do not.
func TestGoexitInAuthorize(t *testing.T) {
	var asked atomic.Int32
	l := listen(t, intentra.Config{Authorize: func(intentra.PublicKey) bool {
		if asked.Add(1) <= 3 {
			runtime.Goexit()
		}
		return true
	}})
	for range 3 {
		_, err := intentra.Dial(within(t), l.LocalAddr().String(), l.PublicKey(), hasty(t))
		require.ErrorIs(t, err, intentra.ErrNotConfirmed)
	}
	dial(t, l, intentra.Config{})
	require.EqualValues(t, 3, l.Stats().Panics)
}
