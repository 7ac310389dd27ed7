package threat

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/wire"
)

// falseAcker is a malicious peer that acknowledges packets and messages that it was
// not sent. It knows what it was sent, because the network loses nothing.
type falseAcker struct {
	*maliciousPeer
	got      []uint64 // counters of received packets
	reliable uint64   // number of received Reliable messages
}

func newFalseAcker(c *maliciousPeer) *falseAcker {
	l := &falseAcker{maliciousPeer: c}
	c.heard = func(counter uint64, frames []byte) {
		l.got = append(l.got, counter)
		for f := (wire.Frame{}); len(frames) > 0; {
			frames = frames[f.Parse(frames):]
			if f.Type == wire.FrameReliable {
				l.reliable = max(l.reliable, f.Seq+1)
			}
		}
	}
	return l
}

// skipped returns a counter that the hub skipped on purpose.
func (l *falseAcker) skipped() uint64 {
	for i := 1; i < len(l.got); i++ {
		if l.got[i] == l.got[i-1]+2 {
			return l.got[i] - 1
		}
	}
	require.Fail(l.s.t, "no counter was skipped")
	return 0
}

func (l *falseAcker) largest() uint64 { return slices.Max(l.got) }

func ackFrame(a wire.Ack) []byte { return wire.AppendAck(nil, &a) }

// falseAcks returns acknowledgements that no honest peer sends, each with the reason
// for which it must be dropped.
func (l *falseAcker) falseAcks() []falseAck {
	top, gap := l.largest(), l.skipped()
	message := wire.AppendMessage(nil, wire.FrameRealtime, 7, []byte("in the same packet"))
	honest := ackFrame(wire.Ack{Largest: top, Reliable: l.reliable})
	return []falseAck{
		{"unsent", ackFrame(wire.Ack{Largest: top + 1})},
		{"unsent", ackFrame(wire.Ack{Largest: top + 1<<32})},
		{"unsent", ackFrame(wire.Ack{Largest: top + 1<<63})},
		{"unsent", ackFrame(wire.Ack{Largest: 1<<64 - 1, Bitmap: wire.AckBitmap{15: 1 << 63}})},
		{"unsent", ackFrame(wire.Ack{Largest: top, Reliable: l.reliable + 1})},
		{"unsent", ackFrame(wire.Ack{Largest: top, Reliable: 1<<64 - 1})},
		{"skipped", ackFrame(wire.Ack{Largest: gap})},
		{"skipped", ackFrame(wire.Ack{Largest: gap + 1, Bitmap: wire.AckBitmap{1}})},
		// Correct frames in a packet with a false acknowledgement have no effect.
		{"unsent", slices.Concat(message, honest, ackFrame(wire.Ack{Largest: 1<<64 - 2}))},
		{"excess", slices.Concat(honest, honest, honest, honest)},
	}
}

type falseAck struct {
	reason string
	frames []byte
}

// Each false acknowledgement is a strike and is counted by reason. It leaves the
// hub's state about sent packets, Reliable messages and round-trip times unchanged.
func TestThreat12FalseAcknowledgements(t *testing.T) {
	const each = 600 * time.Millisecond // at most nine in the strike window of 5 s
	var l *falseAcker
	told := 0
	counts := map[string]uint64{}
	var tell func(x falseAck)
	s, baseline, attacked := underAttack(t, 12, func(s *scene) {
		l = newFalseAcker(s.maliciousPeer())
		stop := s.Every(time.Millisecond, func() {
			// Nothing is acknowledged, so with more bytes the hub would send no more.
			s.hub.Send(l.Key(), intentra.Message{Channel: 1, Intent: intentra.Realtime, Payload: make([]byte, 1)})
		})
		s.run(1200 * time.Millisecond)
		stop()
		for range 10 {
			s.hub.Send(l.Key(), intentra.Message{Channel: 2, Intent: intentra.Reliable, Payload: make([]byte, 800)})
		}
		s.run(20 * time.Millisecond)
		require.EqualValues(t, 10, l.reliable)
		knows := func() string {
			st := s.hub.PeerStats(l.Key())
			return fmt.Sprint(st.Acked, st.Lost, st.RTT, st.RTTVar, st.RTTMin,
				written(session(t, s.hub, l.Key(), "lane", "slots")), written(session(t, s.hub, l.Key(), "lane", "base")),
				written(session(t, s.hub, l.Key(), "current", "tracker")))
		}
		tell = func(x falseAck) {
			before, strikes, drops := knows(), s.hub.Stats().Strikes, s.hub.Drops("ack", x.reason)
			l.maliciousPeer.send(x.frames)
			s.After(0, func() {
				require.True(t, before == knows(), "%s, acknowledgement %d", x.reason, told)
				require.Equal(t, strikes+1, s.hub.Stats().Strikes, x.reason)
				require.Equal(t, drops+1, s.hub.Drops("ack", x.reason), x.reason)
				counts[x.reason]++
				told++
			})
		}
		s.Every(each, func() {
			// Computed each time, because retransmissions change the largest counter.
			if falseAcks := l.falseAcks(); told < len(falseAcks) {
				tell(falseAcks[told])
			}
		})
	})
	s.run(time.Second)
	require.Equal(t, 10, told)

	// A correct acknowledgement is still accepted. A lower one after it has no
	// effect in the same packet, and is a violation in a later one.
	top := l.largest()
	l.maliciousPeer.send(slices.Concat(ackFrame(wire.Ack{Largest: top, Reliable: l.reliable}), ackFrame(wire.Ack{Largest: top - 1})))
	s.run(time.Millisecond)
	require.Equal(t, top+1, session(t, s.hub, l.Key(), "current", "tracker", "acked").Uint())

	require.Zero(t, session(t, s.hub, l.Key(), "lane", "lost").Int())
	require.Equal(t, l.reliable, session(t, s.hub, l.Key(), "lane", "base").Uint())
	tell(falseAck{"backwards", ackFrame(wire.Ack{Largest: top - 1, Reliable: l.reliable})})
	s.run(each)
	tell(falseAck{"backwards", ackFrame(wire.Ack{Largest: 0})})
	s.run(each)
	require.Equal(t, 12, told)
	require.Zero(t, closes(s.hub.Stats()))
	require.EqualValues(t, len(s.peers)*honestRate*int(honestTime/time.Second)+1, s.hub.Delivered(), "a message in a packet with a false acknowledgement was delivered")
	require.Equal(t, baseline, attacked)
	report(t, 12, "%d false acknowledgements: ack/unsent %d, ack/skipped %d, ack/backwards %d, ack/excess %d, strikes %d, "+
		"sender state the same byte for byte; honest delivery %s without, %s with",
		told, counts["unsent"], counts["skipped"], counts["backwards"], counts["excess"], s.hub.Stats().Strikes,
		percent(baseline), percent(attacked))
}
