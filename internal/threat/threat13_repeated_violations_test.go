package threat

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/wire"
)

// violations returns frames that violate the protocol, by the reason of the drop.
func violations() map[string][]byte {
	return map[string][]byte{
		"malformed": {0xff},
		"unsent":    ackFrame(wire.Ack{Largest: 1 << 40}),
		"excess":    append(ackFrame(wire.Ack{}), append(ackFrame(wire.Ack{}), append(ackFrame(wire.Ack{}), ackFrame(wire.Ack{})...)...)...),
		"window":    wire.AppendReliable(nil, 7, 1<<20, 0, nil),
	}
}

// violator is a malicious peer that violates the protocol.
type violator struct {
	*maliciousPeer
	kinds  []string
	closes []wire.CloseReason // received from the hub
}

func newViolator(c *maliciousPeer) *violator {
	v := &violator{maliciousPeer: c, kinds: []string{"malformed", "unsent", "excess", "window"}}
	c.heard = func(_ uint64, frames []byte) {
		for f := (wire.Frame{}); len(frames) > 0; {
			frames = frames[f.Parse(frames):]
			if f.Type == wire.FrameClose {
				v.closes = append(v.closes, f.Close)
			}
		}
	}
	return v
}

// violate sends n violations at the current time.
func (v *violator) violate(n int) {
	for range n {
		v.maliciousPeer.send(violations()[v.kinds[v.sent%len(v.kinds)]])
	}
}

// The tenth violation within 5 s closes the session, and the peer receives a Close
// with the reason. After exactly 5 s a violation no longer counts.
func TestThreat13RepeatedViolations(t *testing.T) {
	var v *violator
	var lived int
	s, baseline, attacked := underAttack(t, 13, func(s *scene) {
		v = newViolator(s.maliciousPeer())
		open := func() bool { return s.hub.Connected(v.Key()) }
		window := intentra.DefaultStrikeWindow
		v.violate(9)
		s.run(window + 1)
		require.True(t, open(), "after nine violations")
		v.violate(1)
		s.run(window + 1)
		require.True(t, open(), "the tenth violation is 1 ns outside of the window")
		lived = v.sent
		// Nine at once, and the tenth at the last instant of the window.
		v.violate(9)
		s.After(window, func() {
			require.True(t, open())
			require.Zero(t, s.hub.Stats().Closes[wire.CloseViolation])
			v.violate(1)
			s.After(0, func() { require.False(t, open(), "ten violations within 5 s") })
			s.After(10*time.Millisecond, func() { v.violate(20) }) // after the session
		})
	})
	stats := s.hub.Stats()
	require.EqualValues(t, lived+10, stats.Strikes)
	dropped := map[string]uint64{}
	for kind := range violations() {
		dropped[kind] = s.hub.Drops("ack", kind)
		require.Positive(t, dropped[kind], kind)
	}
	require.EqualValues(t, stats.Strikes, dropped["malformed"]+dropped["unsent"]+dropped["excess"]+dropped["window"])
	require.EqualValues(t, 20, s.hub.Drops("header", "unknown_index"), "the closed session has no index")
	require.EqualValues(t, 1, stats.Closes[wire.CloseViolation])
	require.EqualValues(t, 1, closes(stats))
	require.Equal(t, []wire.CloseReason{wire.CloseViolation}, v.closes)
	down, ok := s.hub.LastEvent(conn.PeerDown)
	require.True(t, ok)
	require.Equal(t, wire.CloseViolation, down.Reason)
	require.Equal(t, v.Key(), down.Peer)
	require.Equal(t, baseline, attacked)
	report(t, 13, "%d violations never ten within 5 s: session lives; nine and the tenth 5 s later: closed as violation, with a Close to the peer; "+
		"ack/malformed %d, ack/unsent %d, ack/excess %d, ack/window %d, strikes %d, closes{violation} %d; honest delivery %s without, %s with",
		lived, dropped["malformed"], dropped["unsent"], dropped["excess"], dropped["window"], stats.Strikes,
		stats.Closes[wire.CloseViolation], percent(baseline), percent(attacked))
}
