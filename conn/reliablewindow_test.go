package conn_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// reliableRate returns how many Reliable messages of that many bytes reach b in a second,
// over a link with a round trip of 20 ms, once the bound of what is in flight has adapted.
func reliableRate(t *testing.T, seed uint64, size int, loss float64, window uint16) float64 {
	w := newWorld(t, seed)
	w.setLink(sim.Link{Delay: 10 * time.Millisecond})
	a, b := w.node(), w.node(func(c *conn.Config) { c.PeerRate, c.PeerBurst = 1<<20, 1<<20 })
	b.Endpoint().AnnounceWindow(window)
	a.dial(b)
	w.await(time.Second, func() bool { return bothUp(a, b) })
	w.setLink(sim.Link{Delay: 10 * time.Millisecond, Loss: loss})
	payload := strings.Repeat("x", size)
	var fill func()
	fill = func() {
		for range 1000 {
			if _, reliable := a.peer(b).Queued(); reliable >= 1000 {
				break
			}
			a.queue(b, 1, pipeline.Reliable, payload)
		}
		a.turn()
		w.After(500*time.Microsecond, fill)
	}
	fill()
	w.run(time.Second)
	before := len(b.got)
	w.run(time.Second)
	require.Zero(t, b.drops("ack/held_full"), "what is in flight can be held")
	require.Zero(t, b.drops("ack/window"))
	return float64(len(b.got) - before)
}

// Over a distance the window limits the rate: a round trip of 20 ms and 1,024 messages
// in flight allow 51,200 messages/s. Large messages do not gain from a window that the
// receiver could not hold.
func TestReliableRateOverDistance(t *testing.T) {
	for _, tt := range []struct {
		size   int
		loss   float64
		window uint16
		least  float64
	}{
		{16, 0, wire.ReliableWindow, 180_000},
		{16, 0, wire.LeastReliableWindow, 45_000},
		{16, 0.05, wire.ReliableWindow, 40_000},
		{16, 0.05, wire.LeastReliableWindow, 10_000},
		{64, 0, wire.ReliableWindow, 80_000},
	} {
		t.Run(fmt.Sprintf("%d B, loss %v, window %d", tt.size, tt.loss, tt.window), func(t *testing.T) {
			got := reliableRate(t, 1, tt.size, tt.loss, tt.window)
			t.Logf("%.0f messages/s", got)
			require.Greater(t, got, tt.least)
		})
	}
}

// A sender has no more in flight than the peer's Window allows, which is what the peer can
// take from a sender whose acknowledgements are lost.
func TestWindowOfThePeer(t *testing.T) {
	for _, tt := range []struct {
		announced uint16
		size      int
		want      int
	}{
		{wire.LeastReliableWindow, 16, 1024},
		{2000, 16, 2000},
		{wire.ReliableWindow, 16, 4096},
		{1<<16 - 1, 16, 4096},
		{wire.ReliableWindow, 17, 2048}, // 128 bytes each, of 256 KiB
		{wire.ReliableWindow, 1000, 1024},
	} {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			w := newWorld(t, 2)
			a, b := w.node(), w.node(func(c *conn.Config) { c.PeerRate, c.PeerBurst = 1<<20, 1<<20 })
			b.Endpoint().AnnounceWindow(tt.announced)
			a.dial(b)
			w.await(time.Second, func() bool { return bothUp(a, b) })
			s := a.session(b)
			s.Unbound()
			lost := false
			w.tap = func(_, to netip.AddrPort, _ []byte) bool {
				if to == b.Addr() && !lost {
					lost = true
					return false // so the others are held
				}
				return to != a.Addr()
			}
			payload := strings.Repeat("x", tt.size)
			for range 8 {
				for a.queue(b, 1, pipeline.Reliable, payload) == conn.Queued {
				}
				a.turn()
				w.run(time.Millisecond)
			}
			require.Equal(t, tt.want, s.ReliableInFlight())
			require.Zero(t, b.drops("ack/window"))
			require.Zero(t, b.drops("ack/malformed"))
			if tt.want > wire.LeastReliableWindow {
				require.Zero(t, b.drops("ack/held_full"))
			}
			w.checkAll()
			w.tap = nil
			w.await(20*time.Second, func() bool { return s.ReliableInFlight() == 0 })
			w.checkAll()
			require.Zero(t, b.Stats().Strikes)
		})
	}
}

// The memory of a large window is released when nothing has been sent in it for a second.
func TestLaneIsReleasedWhenIdle(t *testing.T) {
	w := newWorld(t, 3)
	a, b := w.pair()
	s := a.session(b)
	s.Unbound()
	fill := func() {
		for range 6 {
			for a.queue(b, 1, pipeline.Reliable, "sixteen bytes...") == conn.Queued {
			}
			a.turn()
		}
	}
	for round := range 3 {
		fill()
		require.Greater(t, s.LaneSlots(), wire.LeastReliableWindow)
		w.await(500*time.Millisecond, func() bool { return s.ReliableInFlight() == 0 })
		require.NotZero(t, s.LaneSlots())
		w.run(1100 * time.Millisecond)
		require.Zero(t, s.LaneSlots(), "round %d", round)
		w.checkAll()
	}
	require.EqualValues(t, s.NextReliable(), len(b.got))
}
