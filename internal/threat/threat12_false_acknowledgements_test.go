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

// falseAcker is a peer that acknowledges what it has not received. It knows exactly
// what it was sent: nothing is lost on the way.
type falseAcker struct {
	*maliciousPeer
	got      []uint64 // counters
	reliable uint64   // messages
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

// skipped returns a counter that the hub has left out on purpose.
func (l *falseAcker) skipped() uint64 {
	for i := 1; i < len(l.got); i++ {
		if l.got[i] == l.got[i-1]+2 {
			return l.got[i] - 1
		}
	}
	require.Fail(l.s.t, "nothing has been skipped")
	return 0
}

func (l *falseAcker) largest() uint64 { return slices.Max(l.got) }

func ackFrame(a wire.Ack) []byte { return wire.AppendAck(nil, &a) }

// falseAcks are acknowledgements that no honest peer sends, with the reason for which
// each is to be dropped.
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
		// What is true in a packet with a falseAck in it counts for nothing.
		{"unsent", slices.Concat(message, honest, ackFrame(wire.Ack{Largest: 1<<64 - 2}))},
		{"excess", slices.Concat(honest, honest, honest, honest)},
	}
}

type falseAck struct {
	reason string
	frames []byte
}

// Each falseAck is a strike, counted by its reason, and leaves what the hub knows of
// what it has sent as it was: packets, Reliable messages and round-trip times.
// One that claims 2^63 packets is refused by looking at one number.
func TestThreat12FalseAcknowledgements(t *testing.T) {
	const each = 600 * time.Millisecond // nine falseAcks in 5 s at most
	var l *falseAcker
	told := 0
	counts := map[string]uint64{}
	var tell func(x falseAck)
	s, baseline, attacked := underAttack(t, 12, func(s *scene) {
		l = newFalseAcker(s.maliciousPeer())
		stop := s.Every(time.Millisecond, func() {
			s.hub.Send(l.Key(), intentra.Message{Channel: 1, Intent: intentra.Realtime, Payload: make([]byte, 800)})
		})
		s.run(2 * time.Second)
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
				require.True(t, before == knows(), "%s, told number %d", x.reason, told)
				require.Equal(t, strikes+1, s.hub.Stats().Strikes, x.reason)
				require.Equal(t, drops+1, s.hub.Drops("ack", x.reason), x.reason)
				counts[x.reason]++
				told++
			})
		}
		s.Every(each, func() {
			// What is true changes: Reliable messages are sent again.
			if falseAcks := l.falseAcks(); told < len(falseAcks) {
				tell(falseAcks[told])
			}
		})
	})
	s.run(time.Second)
	require.Equal(t, 10, told)

	// The truth is believed all the same; after it there is no way back, not even
	// in the same packet, where it is no falseAck but says nothing new.
	top := l.largest()
	l.maliciousPeer.send(slices.Concat(ackFrame(wire.Ack{Largest: top, Reliable: l.reliable}), ackFrame(wire.Ack{Largest: top - 1})))
	s.run(time.Millisecond)
	require.Equal(t, top+1, session(t, s.hub, l.Key(), "current", "tracker", "acked").Uint())
	acked := s.hub.PeerStats(l.Key()).Acked
	require.Positive(t, acked)
	require.Zero(t, session(t, s.hub, l.Key(), "lane", "lost").Int())
	require.Equal(t, l.reliable, session(t, s.hub, l.Key(), "lane", "base").Uint())
	tell(falseAck{"backwards", ackFrame(wire.Ack{Largest: top - 1, Reliable: l.reliable})})
	s.run(each)
	tell(falseAck{"backwards", ackFrame(wire.Ack{Largest: 0})})
	s.run(each)
	require.Equal(t, 12, told)
	require.Zero(t, closes(s.hub.Stats()))
	require.EqualValues(t, len(s.peers)*honestRate*int(honestTime/time.Second)+1, s.hub.Delivered(), "no message of a falseAck")
	require.Equal(t, baseline, attacked)
	report(t, 12, "%d false acknowledgements: ack/unsent %d, ack/skipped %d, ack/backwards %d, ack/excess %d, strikes %d, "+
		"sender state the same byte for byte; honest delivery %s without, %s with",
		told, counts["unsent"], counts["skipped"], counts["backwards"], counts["excess"], s.hub.Stats().Strikes,
		percent(baseline), percent(attacked))
}
