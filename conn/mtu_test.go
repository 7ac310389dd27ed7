package conn_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/pmtu"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// wide gives nodes the default MaxDatagram.
func wide(c *conn.Config) { c.MaxDatagram = 0 }

// burst queues n messages of size bytes.
func (n *node) burst(to *node, intent pipeline.Intent, count, size int) {
	for i := range count {
		n.queue(to, 1, intent, number(i, size))
	}
	n.turn()
}

// stream sends a burst every 10 ms for as long as d.
func (n *node) stream(to *node, intent pipeline.Intent, d time.Duration) {
	for end := n.w.Now() + pipeline.Time(d); n.w.Now() < end; {
		n.burst(to, intent, 30, 500)
		n.w.run(10 * time.Millisecond)
	}
}

func datagramSize(a, b *node) int { return a.peer(b).DatagramSize() }

// Datagrams become as large as the path carries, once a packet is full, and no larger.
func TestDatagramsGrow(t *testing.T) {
	for _, tt := range []struct{ mtu, size int }{
		{0, pmtu.Highest}, {9000, pmtu.Highest}, {1500, 1472}, {1400, 1372}, {1200, pmtu.BaseIPv4}, {1280, 1249},
	} {
		t.Run(fmt.Sprint(tt.mtu), func(t *testing.T) {
			w := newWorld(t, 1)
			w.setLink(sim.Link{Delay: 5 * time.Millisecond, MTU: tt.mtu})
			a, b := w.pair(wide)
			w.run(10 * time.Second)
			require.Equal(t, pmtu.BaseIPv4, datagramSize(a, b), "an idle peer is not probed")
			require.False(t, a.session(b).HasMTU())
			a.stream(b, pipeline.Realtime, 5*time.Second)
			require.Equal(t, tt.size, datagramSize(a, b))
			require.Equal(t, pmtu.BaseIPv4, datagramSize(b, a))
			require.Zero(t, a.Endpoint().PeerStats(a.peer(b)).Lost, "a lost probe counts for nothing")
			sent := w.data
			w.run(10 * time.Second)
			require.Less(t, w.data-sent, uint64(45), "no probes when the search is over")
			require.Zero(t, a.session(b).InFlight(), "probes are not in flight")
		})
	}
}

// Every Reliable message arrives, whatever the path carries, from the first one or from
// the time when the path changes.
func TestReliableOverSmallMTU(t *testing.T) {
	for _, mtu := range []int{1500, 1280, 1201, 1200, 1199, 1000, 700, 576} {
		for _, later := range []bool{false, true} {
			t.Run(fmt.Sprintf("mtu=%d/later=%t", mtu, later), func(t *testing.T) {
				w := newWorld(t, 1)
				a, b := w.pair(wide)
				if later {
					a.stream(b, pipeline.Realtime, time.Second)
					require.Equal(t, pmtu.Highest, datagramSize(a, b))
				}
				b.got = nil
				w.setLink(sim.Link{Delay: 5 * time.Millisecond, MTU: mtu})
				a.burst(b, pipeline.Reliable, 500, 200)
				took := w.await(30*time.Second, func() bool { return len(b.got) >= 500 })
				require.Len(t, b.got, 500)
				require.Less(t, took, 10*time.Second)
				w.run(20 * time.Second)
				require.LessOrEqual(t, datagramSize(a, b), max(mtu-28, pmtu.Floor))
				require.Equal(t, 1, a.count(conn.PeerUp), "one session")
			})
		}
	}
}

// A message that was accepted while the base size was in use is delivered on a path that
// carries less: IP fragments it.
func TestAcceptedMessageBecomesTooLarge(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(wide)
	w.setLink(sim.Link{Delay: 5 * time.Millisecond, MTU: 600})
	for _, intent := range []pipeline.Intent{pipeline.Reliable, pipeline.Latest} {
		a.burst(b, intent, 20, 1100)
		w.run(20 * time.Second)
	}
	require.LessOrEqual(t, datagramSize(a, b), 572)
	got := map[pipeline.Intent]int{}
	for _, m := range b.got {
		got[m.intent]++
	}
	require.Equal(t, 20, got[pipeline.Reliable])
	a.burst(b, pipeline.Realtime, 20, 1100)
	w.run(time.Second)
	require.GreaterOrEqual(t, len(b.got), 40)
	require.Zero(t, a.Stats().TooLarge)
}

// States get through a black hole that appears under them after a few seconds, in
// either direction, without a new session.
func TestBlackHoleForStates(t *testing.T) {
	for _, dialer := range []bool{true, false} {
		w := newWorld(t, 1)
		a, b := w.pair(wide)
		if !dialer {
			a, b = b, a
		}
		a.stream(b, pipeline.Realtime, time.Second)
		require.Equal(t, pmtu.Highest, datagramSize(a, b))
		w.setLink(sim.Link{Delay: 5 * time.Millisecond, MTU: 1400})
		b.got = nil
		a.stream(b, pipeline.Realtime, 10*time.Second)
		require.Equal(t, 1372, datagramSize(a, b))
		b.got = nil
		a.stream(b, pipeline.Realtime, time.Second)
		require.Len(t, b.got, 3000)
		require.Equal(t, 1, a.count(conn.PeerUp), "one session")
	}
}

// After a move to a path of another MTU the search begins from scratch, whichever side moves.
func TestRoamingBetweenMTUs(t *testing.T) {
	for _, mover := range []int{0, 1} {
		w := newWorld(t, 1)
		a, b := w.pair(wide)
		a.stream(b, pipeline.Realtime, time.Second)
		require.Equal(t, pmtu.Highest, datagramSize(a, b))
		w.setLink(sim.Link{Delay: 5 * time.Millisecond, MTU: 1200})
		elsewhere := netip.MustParseAddrPort("10.77.0.1:1000")
		require.NoError(t, []*node{a, b}[mover].Rebind(elsewhere))
		if mover == 1 {
			b.push(a, 1, pipeline.Realtime, "here")
			w.run(100 * time.Millisecond)
		}
		b.got = nil
		a.burst(b, pipeline.Reliable, 100, 1000)
		w.await(5*time.Second, func() bool { return len(b.got) == 100 })
		require.Equal(t, pmtu.BaseIPv4, datagramSize(a, b))
		w.setLink(sim.Link{Delay: 5 * time.Millisecond})
		require.NoError(t, a.Rebind(netip.MustParseAddrPort("10.77.0.2:1000")))
		a.stream(b, pipeline.Realtime, time.Second)
		a.stream(b, pipeline.Realtime, 2*time.Second)
		require.Equal(t, pmtu.Highest, datagramSize(a, b), "the new path carries more")
	}
}

// Random loss of a fifth in each direction does not make datagrams smaller.
func TestRandomLossKeepsTheSize(t *testing.T) {
	w := newWorld(t, 3)
	a, b := w.pair(wide)
	a.stream(b, pipeline.Realtime, time.Second)
	require.Equal(t, pmtu.Highest, datagramSize(a, b))
	w.setLink(sim.Link{Delay: 5 * time.Millisecond, Loss: 0.2})
	a.stream(b, pipeline.Realtime, 30*time.Second)
	require.Equal(t, pmtu.Highest, datagramSize(a, b))
}

// An attacker on the path that drops only what is large makes datagrams small, and no
// session end.
func TestAttackerDropsLargePackets(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(wide)
	w.tap = func(_, _ netip.AddrPort, data []byte) bool { return len(data) <= pmtu.Floor }
	a.burst(b, pipeline.Reliable, 200, 200)
	w.await(10*time.Second, func() bool { return len(b.got) == 200 })
	require.Equal(t, pmtu.Floor, datagramSize(a, b))
	require.Equal(t, 1, a.count(conn.PeerUp))
}

// A peer without the capability is probed with a Ping and Padding.
func TestProbesWithoutCapability(t *testing.T) {
	w := newWorld(t, 1)
	w.setLink(sim.Link{Delay: 5 * time.Millisecond, MTU: 1500})
	a, b := w.pair(wide)
	a.session(b).LoseCapabilities()
	b.session(a).LoseCapabilities()
	a.stream(b, pipeline.Realtime, 5*time.Second)
	require.Equal(t, 1472, datagramSize(a, b))
	require.Zero(t, b.Stats().Strikes)
}

// Errors of the local system are hints: they lower nothing by themselves.
func TestTooLargeIsAHint(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(wide)
	a.stream(b, pipeline.Realtime, time.Second)
	require.Equal(t, pmtu.Highest, datagramSize(a, b))
	for range 50 {
		a.do(func(e *conn.Endpoint, now pipeline.Time) {
			e.TooLarge(a.session(b).ID(), 1472, now)
			e.TooLarge(a.session(b).ID(), pmtu.Highest, now)
			e.TooLarge(a.session(b).ID(), 40, now)
			for _, index := range []int{-1, 0, 1, 1 << 30} {
				e.HandleTooLarge(index, now)
			}
			e.TooLarge(a.session(b).ID()+1, pmtu.Highest, now)
		})
		a.stream(b, pipeline.Realtime, 50*time.Millisecond)
	}
	require.Equal(t, pmtu.Highest, datagramSize(a, b))
}

// On an interface that refuses large datagrams (EMSGSIZE) the search ends at what it
// carries, with one refused probe for each size, and finds it again when its MTU changes.
func TestInterfaceRefusesLargeDatagrams(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(wide)
	refused := func() uint64 { return w.LinkStats(a.Node, b.Node).TooLarge }
	w.setLink(sim.Link{Delay: 5 * time.Millisecond, LocalMTU: 1500})
	a.stream(b, pipeline.Realtime, 5*time.Second)
	require.Equal(t, 1472, datagramSize(a, b))
	require.EqualValues(t, 3, refused(), "the probes of 8,972, 8,152 and 4,052 bytes, which are not repeated")
	require.Zero(t, a.Endpoint().PeerStats(a.peer(b)).Lost)

	w.setLink(sim.Link{Delay: 5 * time.Millisecond, LocalMTU: 1000})
	b.got = nil
	a.burst(b, pipeline.Reliable, 500, 200)
	took := w.await(10*time.Second, func() bool { return len(b.got) == 500 })
	require.Less(t, took, time.Second)
	before := refused()
	a.stream(b, pipeline.Realtime, 5*time.Second)
	require.LessOrEqual(t, datagramSize(a, b), 972)
	require.GreaterOrEqual(t, datagramSize(a, b), 972-16)
	require.LessOrEqual(t, refused()-before, uint64(4))

	w.setLink(sim.Link{Delay: 5 * time.Millisecond})
	w.run(pmtu.RaiseAfter) // idle, so that acknowledgements of keep-alives come first
	a.stream(b, pipeline.Realtime, 5*time.Second)
	require.Equal(t, pmtu.Highest, datagramSize(a, b))
	require.Equal(t, 1, a.count(conn.PeerUp), "one session")
}

// Probes are exactly as long as the size under test.
func TestProbeSizes(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(wide)
	for size := wire.MinDatagram; size < 600; size++ {
		seen := 0
		w.tap = func(from, _ netip.AddrPort, data []byte) bool {
			if from == a.Addr() && len(data) == size {
				seen++
			}
			return true
		}
		a.do(func(_ *conn.Endpoint, now pipeline.Time) { a.session(b).SendProbe(size, now) })
		w.run(11 * time.Millisecond)
		require.Equal(t, 1, seen, "%d bytes", size)
	}
	require.Zero(t, b.Stats().Strikes)
	require.Equal(t, wire.Supported, a.session(b).Capabilities())
}
