package conn_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// An idle connection carries keep-alives and their acknowledgements only, and
// acknowledgements are not acknowledged.
func TestIdleConnectionIsQuiet(t *testing.T) {
	for _, both := range []bool{false, true} {
		w := newWorld(t, 1)
		a, b := w.pair()
		if both {
			b.dial(a)
		}
		for i := range 300 {
			a.push(b, 1, pipeline.Reliable, number(i, 8))
			b.push(a, 1, pipeline.Realtime, number(i, 8))
			w.run(time.Millisecond)
		}
		w.run(time.Second)
		kinds := w.kinds()
		w.run(time.Minute)
		// A ping and its acknowledgement a second.
		require.LessOrEqual(t, kinds[wire.TypeData], 120)
		require.GreaterOrEqual(t, kinds[wire.TypeData], 100)
		require.Len(t, kinds, 1)
	}
}

// A side that only receives sends at most one packet in 25 ms, or for 256 packets
// received.
func TestAcknowledgementsAreFew(t *testing.T) {
	for _, rate := range []int{100, 2000, 9000, 50_000} {
		w := newWorld(t, 2)
		a, b := w.pair(func(c *conn.Config) { c.PeerRate, c.PeerBurst = 100_000, 5000 })
		w.run(time.Second)
		var last pipeline.Time
		var received, bytes uint64
		sent, acks := 0, 0
		w.tap = func(from, _ netip.AddrPort, data []byte) bool {
			if from == b.Addr() {
				acks++
				since := b.Stats().PacketsIn - received
				require.True(t, time.Duration(w.Now()-last) >= 25*time.Millisecond || since >= 256 || b.Stats().BytesIn-bytes >= 64<<10,
					"%v and %d packets after the one before", time.Duration(w.Now()-last), since)
				last, received, bytes = w.Now(), b.Stats().PacketsIn, b.Stats().BytesIn
			}
			return true
		}
		for start := w.Now(); w.Now() < start+pipeline.Time(time.Second); sent++ {
			a.push(b, 1, pipeline.Realtime, "x")
			w.run(time.Second / time.Duration(rate))
		}
		w.run(time.Second)
		require.Equal(t, sent, len(b.got))
		require.LessOrEqual(t, acks, max(41, sent/256+2)+1)
		st := a.Endpoint().PeerStats(a.peer(b))
		require.EqualValues(t, st.MessagesOut, st.Acked)
		require.GreaterOrEqual(t, st.RTTMin, 10*time.Millisecond)
		require.Less(t, st.RTT, 20*time.Millisecond)
	}
}

// violation is one way in which a peer breaks the protocol: frames returns the
// frames of one packet. v is the victim and s its session with the peer.
type violation struct {
	reason string
	frames func(v *node, s *conn.TestSession) []byte
}

var violations = []violation{
	{"ack/unsent", func(v *node, s *conn.TestSession) []byte {
		return wire.AppendAck(nil, &wire.Ack{Largest: s.NextCounter()})
	}},
	{"ack/unsent", func(v *node, s *conn.TestSession) []byte { return wire.AppendAck(nil, &wire.Ack{Largest: 1 << 63}) }},
	{"ack/unsent", func(v *node, s *conn.TestSession) []byte {
		return wire.AppendAck(nil, &wire.Ack{Largest: s.NextCounter() - 1, Reliable: s.NextReliable() + 1})
	}},
	{"ack/backwards", func(v *node, s *conn.TestSession) []byte { return wire.AppendAck(nil, &wire.Ack{Largest: 0}) }},
	{"ack/skipped", func(v *node, s *conn.TestSession) []byte {
		// The victim would leave out the counter of its next packet, and does.
		skipped := s.SkipNextCounter()
		v.do(func(_ *conn.Endpoint, now pipeline.Time) { s.SendFrames(wire.AppendPing(nil), now) })
		return wire.AppendAck(nil, &wire.Ack{Largest: skipped + 1, Bitmap: wire.AckBitmap{1}})
	}},
	{"ack/excess", func(v *node, s *conn.TestSession) (b []byte) {
		for range 4 {
			b = wire.AppendAck(b, &wire.Ack{Largest: s.NextCounter() - 1})
		}
		return b
	}},
	{"ack/malformed", func(*node, *conn.TestSession) []byte { return []byte{0xff} }},
	{"ack/malformed", func(*node, *conn.TestSession) []byte {
		return append(wire.AppendPing(nil), byte(wire.FrameReliable), 1)
	}},
	{"ack/window", func(*node, *conn.TestSession) []byte {
		return wire.AppendReliable(nil, 1, wire.ReliableWindow, 0, []byte("x"))
	}},
	{"ack/distance", func(*node, *conn.TestSession) []byte {
		b := wire.AppendReliable(nil, 1, 20, 10, []byte("x"))
		return wire.AppendReliable(b, 1, 21, 11, []byte("x"))
	}},
}

// A peer announces any rate and keeps acknowledging the newest packet alone, so
// that all others count as lost. Each message is sent again at most FastResends
// times before its time-out.
func TestResendsAtThePeersWord(t *testing.T) {
	w := newWorld(t, 7)
	a := w.node()
	b := w.node(func(c *conn.Config) { c.PeerRate, c.PeerBurst = 1<<30, 1<<30 })
	a.dial(b)
	w.run(time.Second)
	s := a.session(b)
	s.Unbound()
	packets := 0
	w.tap = func(from, _ netip.AddrPort, _ []byte) bool {
		if from == a.Addr() {
			packets++
			return false
		}
		return true
	}
	for range wire.LeastReliableWindow {
		a.queue(b, 1, pipeline.Reliable, strings.Repeat("x", 1100))
	}
	a.turn()
	w.run(time.Millisecond)
	inFlight := s.ReliableInFlight()
	require.Greater(t, inFlight, 500)
	for range 100 {
		newest := s.NextCounter() - 1
		b.do(func(_ *conn.Endpoint, now pipeline.Time) {
			b.session(a).SendFrames(wire.AppendAck(nil, &wire.Ack{Largest: newest}), now)
		})
		w.run(2 * time.Millisecond)
	}
	require.Zero(t, a.Stats().Strikes)
	require.Equal(t, inFlight, s.ReliableInFlight())
	require.Greater(t, packets, 5*inFlight)
	require.Less(t, packets, (conn.FastResends+3)*inFlight)
	w.tap = nil
	w.await(20*time.Second, func() bool { return s.ReliableInFlight() == 0 })
}

// A session with much to send does not delay the others until all of it is sent.
func TestSessionsTakeTurns(t *testing.T) {
	w := newWorld(t, 8)
	a := w.node()
	b := w.node(func(c *conn.Config) { c.PeerRate, c.PeerBurst = 1<<30, 1<<30 })
	c := w.node()
	a.dial(b)
	a.dial(c)
	w.run(time.Second)
	a.session(b).Unbound() // so that it can fill several batches
	before := 0
	seen := false
	w.tap = func(from, to netip.AddrPort, _ []byte) bool {
		if from == a.Addr() {
			seen = seen || to == c.Addr()
			if !seen {
				before++
			}
		}
		return true
	}
	for range 900 {
		a.queue(b, 1, pipeline.Reliable, strings.Repeat("x", 1100))
	}
	a.Endpoint().MarkReady(a.peer(b))
	a.queue(c, 1, pipeline.Realtime, "urgent")
	a.Endpoint().MarkReady(a.peer(c))
	a.turn()
	require.True(t, seen)
	require.LessOrEqual(t, before, conn.TransmitBytes/1000)
	w.run(time.Second)
	require.Len(t, c.got, 1)
	require.Len(t, b.got, 900)
}

// Each violation is dropped for its reason and counts as one strike. It changes
// nothing that the victim knows of its own packets.
func TestViolations(t *testing.T) {
	for _, v := range violations {
		t.Run(v.reason, func(t *testing.T) {
			w := newWorld(t, 3)
			a, b := w.pair()
			for i := range 50 {
				b.push(a, 1, pipeline.Realtime, number(i, 4))
				w.run(time.Millisecond)
			}
			w.run(500 * time.Millisecond)
			s := b.session(a)
			frames := v.frames(b, s)
			b.turn()
			w.run(100 * time.Millisecond)
			before := s.Tracker()
			rtt := s.RTT()
			dropped := b.drops(v.reason)
			a.sendFrames(b, frames)
			require.Equal(t, dropped+1, b.drops(v.reason))
			require.EqualValues(t, 1, b.Stats().Strikes)
			require.Equal(t, 1, b.peer(a).Strikes())
			require.Equal(t, rtt, s.RTT())
			if v.reason != "ack/window" && v.reason != "ack/distance" {
				require.Equal(t, before, s.Tracker())
			}
			require.True(t, b.up(a))
			w.checkAll()
			w.closeAll()
		})
	}
}

// Ten strikes within 5 s end the session, and nine do not.
func TestTenStrikes(t *testing.T) {
	for _, v := range violations {
		t.Run(v.reason, func(t *testing.T) {
			w := newWorld(t, 4)
			a, b := w.pair(func(c *conn.Config) { c.KeepAlive, c.IdleTimeout = time.Hour, 2*time.Hour })
			b.push(a, 1, pipeline.Realtime, "x")
			w.run(100 * time.Millisecond)
			for range 9 {
				a.sendFrames(b, v.frames(b, b.session(a)))
			}
			require.True(t, b.up(a))
			w.run(5 * time.Second)
			for range 9 {
				a.sendFrames(b, v.frames(b, b.session(a)))
			}
			require.True(t, b.up(a), "nine strikes expire after 5 s")
			a.sendFrames(b, v.frames(b, b.session(a)))
			require.False(t, b.up(a))
			require.Equal(t, wire.CloseViolation, b.last(conn.PeerDown).Reason)
			w.run(time.Second)
			require.Equal(t, wire.CloseViolation, a.last(conn.PeerDown).Reason)
			require.Equal(t, 1, a.count(conn.DialEnded))
			w.checkAll()
			w.closeAll()
		})
	}
}

// Only the dialer starts and finishes a rekey, and only the responder requests
// and answers one: a step of the other side breaks the protocol.
func TestRekeyStepsOfTheOtherSide(t *testing.T) {
	w := newWorld(t, 5)
	a, b := w.pair()
	a.sendFrames(b, wire.AppendRekey(nil, wire.RekeyAnswer, make([]byte, 100)))
	a.sendFrames(b, wire.AppendRekey(nil, wire.RekeyRequest, nil))
	require.EqualValues(t, 2, b.Stats().Strikes)
	b.sendFrames(a, wire.AppendRekey(nil, wire.RekeyInit, make([]byte, 36)))
	b.sendFrames(a, wire.AppendRekey(nil, wire.RekeyFinal, make([]byte, 64)))
	require.EqualValues(t, 2, a.Stats().Strikes)
	// Steps of the right side at the wrong time are ignored.
	a.sendFrames(b, wire.AppendRekey(nil, wire.RekeyFinal, make([]byte, 64)))
	b.sendFrames(a, wire.AppendRekey(nil, wire.RekeyAnswer, make([]byte, 100)))
	w.run(10 * time.Second)
	w.checkAll()
	w.closeAll()
}
