package intentra_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/udp"
)

const dropOutside = pipeline.DropFirst

// geofence returns a stage that drops messages beginning with "x", and appends the
// counter of the packet of each message to packets.
func geofence(packets *[]uint64) pipeline.Stage {
	return pipeline.Func("geofence", []string{"outside"}, func(p *pipeline.Packet) pipeline.Verdict {
		*packets = append(*packets, p.Counter)
		if bytes.HasPrefix(p.Payload(), []byte("x")) {
			return dropOutside
		}
		return pipeline.Accept
	})
}

// A stage after ack sees single messages. A message that it drops is counted under
// its name, and the other messages of the packet are delivered.
func TestStageDropsSingleMessages(t *testing.T) {
	ctx := loopback.Context(t)
	var packets []uint64 // used by the loop until Close
	handle, got := loopback.Messages()
	l := loopback.Listen(t, intentra.Config{Handler: handle, Stages: func(s *stages.Set) error {
		s.InsertAfter("ack", geofence(&packets))
		return nil
	}})
	// Messages that a Handler sends leave together at the end of the turn.
	sent := []string{"a", "x1", "b", "x2", "x3", "c"}
	p := loopback.Dial(t, l, intentra.Config{Handler: func(m intentra.Received) {
		for i, payload := range sent {
			m.Peer.Send(intentra.Message{Channel: uint32(i), Intent: intents[i%len(intents)], Payload: []byte(payload)})
		}
	}})
	theirs := l.Peers()[0]
	require.NoError(t, theirs.SendWait(ctx, loopback.Reliable("go")))
	var arrived []string
	for range 3 {
		arrived = append(arrived, string(loopback.Next(t, ctx, got).Payload))
	}
	slices.Sort(arrived)
	require.Equal(t, []string{"a", "b", "c"}, arrived)
	require.NoError(t, p.Transport().Shutdown(ctx)) // a dropped Reliable message counts as received
	require.NoError(t, l.Close())

	require.Len(t, packets, len(sent))
	require.Equal(t, packets[0], packets[len(packets)-1], "all must come in one packet")
	require.Empty(t, got)
	s := l.Stats()
	require.Equal(t, pipeline.DropCount{Stage: "geofence", Reason: "outside", Messages: 3}, loopback.Drops(t, s.In, "geofence", "outside"))
	require.EqualValues(t, 3, s.MessagesIn)
	require.Contains(t, theirs.Stats().Drops, intentra.NamedDrop{Stage: "geofence", Reason: "outside", Count: 3})
}

// prefix is what one stage puts in front of each outbound message, and another
// removes from each inbound one.
const prefix = "prefix:"

type lengthen struct{ b []byte }

func (*lengthen) Name() string      { return "lengthen" }
func (*lengthen) Reasons() []string { return nil }
func (*lengthen) MaxGrowth() int    { return len(prefix) }
func (s *lengthen) Process(p *pipeline.Packet) pipeline.Verdict {
	s.b = append(append(s.b[:0], prefix...), p.Payload()...)
	p.SetPayload(s.b)
	return pipeline.Accept
}

func shorten() pipeline.Stage {
	return pipeline.Func("shorten", []string{"bare"}, func(p *pipeline.Packet) pipeline.Verdict {
		rest, ok := bytes.CutPrefix(p.Payload(), []byte(prefix))
		if !ok {
			return pipeline.DropFirst
		}
		p.SetPayload(rest)
		return pipeline.Accept
	})
}

func withPrefix(s *stages.Set) error {
	s.InsertAfter("ack", shorten())
	s.Outbound.InsertBefore("pack", &lengthen{})
	return nil
}

// A pair of stages can change messages on the wire without the receiver seeing it,
// and MaxMessageSize leaves room for their growth.
func TestStagesThatChangeMessages(t *testing.T) {
	ctx := loopback.Context(t)
	// A Realtime message must not be lost because this process has not run for a while.
	cfg := intentra.Config{Stages: withPrefix, MaxMessage: 4096, Socket: udp.Config{MaxQueueDelay: -1}}
	l := loopback.Listen(t, cfg)
	p := loopback.Dial(t, l, cfg)
	require.Equal(t, loopback.Listen(t, intentra.Config{MaxMessage: 4096}).MaxMessageSize()-len(prefix), l.MaxMessageSize())
	theirs := l.Peers()[0]
	largest := bytes.Repeat([]byte{7}, l.MaxMessageSize())
	for i := range 200 {
		for _, intent := range intents {
			for _, payload := range [][]byte{largest, fmt.Append(nil, i), nil} {
				m := intentra.Message{Channel: 1<<32 - 1, Intent: intent, Payload: payload}
				require.NoError(t, p.SendWait(ctx, m))
				r := loopback.Receive(t, ctx, l)
				require.True(t, bytes.Equal(payload, r.Payload))
				// In the other direction, so that acknowledgements travel with messages.
				require.NoError(t, theirs.SendWait(ctx, m))
				back, err := p.Receive(ctx)
				require.NoError(t, err)
				require.True(t, bytes.Equal(payload, back.Payload))
			}
		}
	}
	for _, tr := range []*intentra.Transport{l, p.Transport()} {
		require.Zero(t, loopback.Count(t, tr.Stats().SendDrops, "too_large"))
		require.Zero(t, loopback.Drops(t, tr.Stats().In, "shorten", "bare").Messages)
	}
	require.Equal(t, intentra.ErrMessageTooLarge, p.Send(intentra.Message{
		Channel: 1<<32 - 1, Intent: intentra.Reliable, Payload: append(largest, 0),
	}).Err)
}

// Messages that share a packet keep their channels and intents.
func TestOutboundStagesKeepMessagesApart(t *testing.T) {
	ctx := loopback.Context(t)
	handle, got := loopback.Messages()
	l := loopback.Listen(t, intentra.Config{Handler: handle, Stages: withPrefix})
	const n = 60
	p := loopback.Dial(t, l, intentra.Config{Stages: withPrefix, Handler: func(m intentra.Received) {
		for i := range n {
			intent := intents[i%len(intents)]
			m.Peer.Send(intentra.Message{Channel: uint32(i), Intent: intent, Payload: fmt.Append(nil, i, intent)})
		}
	}})
	require.NoError(t, l.Peers()[0].SendWait(ctx, loopback.Reliable("go")))
	seen := map[uint32]bool{}
	for range n {
		m := loopback.Next(t, ctx, got).Message
		require.Equal(t, fmt.Sprint(m.Channel, m.Intent), string(m.Payload))
		require.False(t, seen[m.Channel])
		seen[m.Channel] = true
	}
	require.NoError(t, p.Close())
}

// A message of the largest size and an acknowledgement that is due leave in separate
// packets, and neither is dropped.
func TestLargestMessagesLeaveRoomForAcknowledgements(t *testing.T) {
	ctx := loopback.Context(t)
	for name, change := range map[string]func(*stages.Set) error{"no stages": nil, "stages": withPrefix} {
		t.Run(name, func(t *testing.T) {
			handle, got := loopback.Messages()
			l := loopback.Listen(t, intentra.Config{Stages: change, MaxMessage: 1, Handler: func(m intentra.Received) {
				m.Peer.Send(m.Message)
			}})
			p := loopback.Dial(t, l, intentra.Config{Stages: change, MaxMessage: 1, Handler: handle})
			m := intentra.Message{Channel: 1<<32 - 1, Intent: intentra.Reliable, Payload: make([]byte, l.MaxMessageSize())}
			const n = 2000
			for range n / 100 {
				for range 100 {
					require.NoError(t, p.SendWait(ctx, m))
				}
				for range 100 {
					require.Len(t, loopback.Next(t, ctx, got).Payload, l.MaxMessageSize())
				}
			}
			require.Zero(t, loopback.Count(t, l.Stats().SendDrops, "too_large"))
			require.Zero(t, loopback.Count(t, p.Transport().Stats().SendDrops, "too_large"))
		})
	}
}

// A message that is sent again in a new session goes through the stages as the
// application sent it, not as the stages had changed it.
func TestStagesSeeResentMessagesUnchanged(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{Stages: withPrefix})
	r := loopback.NewNAT(t, l.LocalAddr())
	onPeer, events := loopback.Events()
	cfg := loopback.QuickDetection(intentra.Config{Stages: withPrefix, OnPeer: onPeer})
	cfg.HandshakeTimeout = cfg.Unanswered
	p := loopback.DialAddr(t, r.Addr(), l.PublicKey(), cfg)
	require.Equal(t, intentra.PeerUp, loopback.Next(t, ctx, events).Kind)
	r.Block(true)
	for i := range 3 {
		require.Equal(t, intentra.Queued, p.Send(loopback.Reliable(fmt.Sprint(i))).Status)
	}
	require.Equal(t, intentra.PeerDown, loopback.Next(t, ctx, events).Kind)
	r.Block(false)
	for i := range 3 {
		require.Equal(t, fmt.Sprint(i), string(loopback.Receive(t, ctx, l).Payload))
	}
}

// everySecond drops every second message of a session. It keeps state for each
// session, as in the guide.
type everySecond struct {
	pipeline.PerSession[int]
}

func (*everySecond) Name() string      { return "every_second" }
func (*everySecond) Reasons() []string { return []string{"odd"} }
func (s *everySecond) Process(p *pipeline.Packet) pipeline.Verdict {
	n := s.State(p)
	if *n++; *n%2 == 1 {
		return pipeline.DropFirst
	}
	return pipeline.Accept
}

func TestStageKeepsStateForEachSession(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{Stages: func(s *stages.Set) error { s.InsertAfter("ack", &everySecond{}); return nil }})
	for range 3 {
		p := loopback.Dial(t, l, intentra.Config{})
		for i := range 10 {
			require.NoError(t, p.SendWait(ctx, loopback.Reliable(fmt.Sprint(i))))
		}
		for i := 1; i < 10; i += 2 {
			require.Equal(t, fmt.Sprint(i), string(loopback.Receive(t, ctx, l).Payload))
		}
		require.NoError(t, p.Close())
	}
}
