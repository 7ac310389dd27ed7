package threat

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

// panicker holds, for each place where user code runs, the number of calls that
// will panic.
type panicker struct {
	packets   atomic.Int64 // an inbound stage for packets
	messages  atomic.Int64 // an inbound stage for messages
	outgoing  atomic.Int64 // an outbound stage
	notices   atomic.Int64 // the notices of a stage
	handler   atomic.Int64
	onPeer    atomic.Int64
	authorize atomic.Int64
	exits     atomic.Int64 // calls of runtime.Goexit in Authorize
}

// panicOnce decrements left and panics, unless left is zero.
func panicOnce(left *atomic.Int64, where string) {
	if left.Load() > 0 && left.Add(-1) >= 0 {
		panic(where)
	}
}

func panickingStage(name string, left *atomic.Int64) pipeline.Stage {
	return pipeline.Func(name, nil, func(*pipeline.Packet) pipeline.Verdict {
		panicOnce(left, name)
		return pipeline.Accept
	})
}

// panickingNotices is a stage whose notices panic.
type panickingNotices struct{ left *atomic.Int64 }

func (b panickingNotices) Name() string                              { return "panicking_notices" }
func (b panickingNotices) Reasons() []string                         { return nil }
func (b panickingNotices) Process(*pipeline.Packet) pipeline.Verdict { return pipeline.Accept }
func (b panickingNotices) PeerOpened(pipeline.PeerNotice)            { panicOnce(b.left, "PeerOpened") }
func (b panickingNotices) PeerClosed(pipeline.PeerNotice)            { panicOnce(b.left, "PeerClosed") }
func (b panickingNotices) SessionOpened(pipeline.SessionNotice)      { panicOnce(b.left, "SessionOpened") }
func (b panickingNotices) SessionClosed(pipeline.SessionNotice)      { panicOnce(b.left, "SessionClosed") }
func (b panickingNotices) EpochOpened(pipeline.EpochNotice)          { panicOnce(b.left, "EpochOpened") }
func (b panickingNotices) EpochClosed(pipeline.EpochNotice)          { panicOnce(b.left, "EpochClosed") }

// config returns the Config of a listener that calls all of them, and passes its
// messages to got.
func (b *panicker) config(got chan<- intentra.Received) intentra.Config {
	return intentra.Config{
		Authorize: func(context.Context, intentra.Handshake) bool {
			panicOnce(&b.authorize, "Authorize")
			if b.exits.Load() > 0 && b.exits.Add(-1) >= 0 {
				runtime.Goexit()
			}
			return true
		},
		OnPeer: func(intentra.PeerEvent) { panicOnce(&b.onPeer, "OnPeer") },
		Handler: func(m intentra.Received) {
			panicOnce(&b.handler, "Handler")
			m.Payload = append([]byte(nil), m.Payload...)
			got <- m
		},
		Stages: func(s *stages.Set) error {
			s.InsertAfter("replay", panickingStage("panicking_packet", &b.packets))
			s.InsertAfter("replay", panickingNotices{&b.notices})
			s.InsertAfter("ack", panickingStage("panicking_message", &b.messages))
			s.Outbound.InsertBefore("pack", panickingStage("panicking_outgoing", &b.outgoing))
			return nil
		},
	}
}

// A panic in user code is recovered and counted. It costs one packet, message or
// handshake; the process and all sessions go on.
func TestThreat24PanicsInUserCode(t *testing.T) {
	ctx := loopback.Context(t)
	const each = 10
	b, got := new(panicker), make(chan intentra.Received, 1000)
	l := loopback.Listen(t, b.config(got))
	p := loopback.Dial(t, l, intentra.Config{})
	receive := func(ctx context.Context) (intentra.Received, error) { return loopback.Next(t, ctx, got), nil }
	baseline := stream(t, ctx, p, 5*each, receive)
	require.Zero(t, l.Stats().Panics)

	panics := uint64(0)
	attack := func(place *atomic.Int64) {
		place.Store(each)
		panics += each
	}
	// A message whose processing panics is lost, but is acknowledged.
	send := func() {
		require.NoError(t, p.SendWait(ctx, intentra.Message{Channel: 2, Intent: intentra.Reliable, Payload: []byte("hit")}))
	}
	for _, place := range []struct {
		left  *atomic.Int64
		stage string
	}{{&b.messages, "panicking_message"}, {&b.handler, "dispatch"}} {
		attack(place.left)
		for range each {
			send()
		}
		loopback.Eventually(t, ctx, "all have panicked", func() bool { return l.Stats().Panics == panics })
		require.EqualValues(t, each, dropped(l, place.stage, "panic"))
	}
	// The messages in a packet whose processing panics are sent again.
	honest := 0
	for range each {
		b.packets.Store(1)
		panics++
		honest += stream(t, ctx, p, 5, receive)
	}
	loopback.Eventually(t, ctx, "all have panicked", func() bool { return l.Stats().Panics == panics })
	require.EqualValues(t, each, dropped(l, "panicking_packet", "panic"))
	// An outgoing message whose processing panics is lost.
	attack(&b.outgoing)
	back := peerOf(t, ctx, l, p)
	for range each {
		require.NoError(t, back.SendWait(ctx, intentra.Message{Intent: intentra.Realtime, Payload: []byte("hit")}))
	}
	loopback.Eventually(t, ctx, "all have panicked", func() bool { return l.Stats().Panics == panics })
	honest += stream(t, ctx, back, 5*each, p.Receive)
	// Notices panic when a peer, its session and its epoch open, and when the session
	// and the epoch close.
	b.notices.Store(3)
	panics += 3
	brief := loopback.Dial(t, l, intentra.Config{})
	loopback.Eventually(t, ctx, "all have panicked", func() bool { return l.Stats().Panics == panics && l.Stats().Sessions == 2 })
	honest += stream(t, ctx, brief, 5*each, receive)
	b.notices.Store(2)
	panics += 2
	require.NoError(t, brief.Transport().Close())
	loopback.Eventually(t, ctx, "all have panicked", func() bool { return l.Stats().Panics == panics && l.Stats().Sessions == 1 })
	// A panic in OnPeer has no effect. A panic in Authorize refuses the key, as does
	// runtime.Goexit.
	b.onPeer.Store(1)
	panics++
	for _, left := range []*atomic.Int64{&b.authorize, &b.exits} {
		left.Store(1)
		panics++
		_, err := intentra.Dial(ctx, l.LocalAddr().String(), l.PublicKey(), intentra.Config{
			Key: loopback.Key(t), HandshakeTimeout: time.Second,
		})
		require.ErrorIs(t, err, intentra.ErrNotConfirmed)
	}
	other := loopback.Dial(t, l, intentra.Config{})
	loopback.Eventually(t, ctx, "all have panicked", func() bool { return l.Stats().Panics == panics })

	honest += stream(t, ctx, p, 5*each, receive)
	honest += stream(t, ctx, other, 5*each, receive)
	require.Equal(t, 2, l.Stats().Sessions)
	require.True(t, p.Connected())
	require.Empty(t, got)
	require.EqualValues(t, panics, l.Stats().Panics)
	report(t, 24, "%d panics in stages, their notices, Handler, OnPeer and Authorize: each counted (panics %d; <stage>/panic %d each), sessions closed 0; honest Reliable delivery %s without, %s with",
		panics, l.Stats().Panics, each, percent(float64(baseline)/(5*each)), percent(float64(honest)/(25*each)))
}
