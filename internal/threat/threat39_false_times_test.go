package threat

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/wire"
)

// A peer lies about the time: when its messages were made, and when packets reached it.
// That gives false readings for itself alone. The clocks and the ages of others stay
// within their bounds, and no session ends.
func TestThreat39FalseTimes(t *testing.T) {
	var liar *falseAcker
	lies, ages, readings, wrong := 0, 0, 0, 0
	s, baseline, attacked := underAttack(t, 39, func(s *scene) {
		for i, p := range s.peers {
			p.JumpClock(time.Duration(i) * time.Second)
		}
		s.run(time.Second)
		liar = newFalseAcker(s.maliciousPeer())
		clock := func(k intentra.PublicKey) (ahead, within time.Duration, ok bool) {
			p, known := s.hub.Peer(k)
			require.True(t, known)
			return p.Clock()
		}
		s.hub.OnMessage = func(from intentra.PublicKey, m intentra.Message) {
			if !m.Stamp || from == liar.Key() {
				return
			}
			ages++
			age := time.Duration(s.Now()) - time.Duration(binary.BigEndian.Uint64(m.Payload))
			require.LessOrEqual(t, (m.Age - age).Abs(), m.Within)
		}
		s.Every(10*time.Millisecond, func() {
			lies++
			value := s.Rand().Uint64() >> s.Rand().Uint64N(64) & wire.MaxTime
			var frames []byte
			if len(liar.got) > 0 {
				frames = wire.AppendAckTime(ackFrame(wire.Ack{Largest: liar.largest()}), value)
			}
			frames = wire.AppendOrigin(frames, (value*7)&wire.MaxTime, uint32(value))
			liar.send(wire.AppendMessage(frames, wire.FrameLatest, 7, []byte("lie")))
		})
		s.Every(100*time.Millisecond, func() {
			clock(liar.Key())
			for _, p := range s.peers {
				ahead, within, ok := clock(p.Key())
				if !ok {
					continue
				}
				readings++
				if (ahead - time.Duration(p.Now()-s.hub.Now())).Abs() > within {
					wrong++
				}
				p.Send(s.hub.Key(), intentra.Message{Channel: 9, Intent: intentra.Latest, Stamp: true, Payload: binary.BigEndian.AppendUint64(nil, uint64(s.Now()))})
			}
		})
	})
	require.Greater(t, lies, 500)
	require.Greater(t, ages, 100)
	require.Greater(t, readings, 100)
	require.Zero(t, wrong)
	require.Equal(t, baseline, attacked)
	require.Zero(t, closes(s.hub.Stats()))
	require.Zero(t, s.hub.Stats().Strikes)
	report(t, 39, "%d packets with false times: %d readings of 3 other clocks and %d ages of their messages within their bounds; honest delivery %s without, %s with",
		lies, readings, ages, percent(baseline), percent(attacked))
}
