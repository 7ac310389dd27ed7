package conn_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// A sender that asks for it gets its acknowledgement after a round trip, although a
// state alone is acknowledged late. A peer that does not understand the request is
// sent a Ping in its place, which it answers within 25 ms.
func TestRequestedAcknowledgement(t *testing.T) {
	for _, understood := range []bool{true, false} {
		w := newWorld(t, 1) // a round trip of 10 ms
		a, b := w.pair()
		require.Equal(t, wire.Supported, a.session(b).Capabilities())
		require.Equal(t, wire.Supported, b.session(a).Capabilities())
		if !understood {
			a.session(b).LoseCapabilities()
			b.session(a).LoseCapabilities()
		}
		w.run(time.Second)
		var answered pipeline.Time
		w.tap = func(from, _ netip.AddrPort, _ []byte) bool {
			if from == b.Addr() && answered == 0 {
				answered = w.Now()
			}
			return true
		}
		asked := w.Now()
		a.session(b).RequestAck()
		a.push(b, 1, pipeline.Realtime, "state")
		w.run(200 * time.Millisecond)
		late := time.Duration(0)
		if !understood {
			late = 20 * time.Millisecond
		}
		require.Equal(t, 5*time.Millisecond+late, time.Duration(answered-asked), "understood: %t", understood)
		require.False(t, a.session(b).Unanswered())

		// The request is made once.
		answered, asked = 0, w.Now()
		a.push(b, 1, pipeline.Realtime, "state")
		w.run(40 * time.Millisecond)
		require.Zero(t, answered, "asked at %d", asked)
		require.Zero(t, b.Stats().Strikes+a.Stats().Strikes)
	}
}

// A full packet has room for the request.
func TestRequestInFullPacket(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair()
	for size := 1120; size <= conn.AcceptedDatagram-wire.Overhead-4; size++ {
		w.run(300 * time.Millisecond)
		a.session(b).RequestAck()
		a.push(b, 1, pipeline.Realtime, number(size, size))
		require.True(t, a.session(b).Unanswered())
		w.run(11 * time.Millisecond)
		require.False(t, a.session(b).Unanswered(), "%d bytes", size)
		require.Equal(t, number(size, size), b.got[len(b.got)-1].payload)
	}
	require.Zero(t, a.Stats().TooLarge)
}
