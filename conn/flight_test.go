package conn_test

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/inflight"
	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/stages/ack"
)

// slowly makes the link from a to b carry rate bytes per second.
func (w *world) slowly(a, b *node, rate, queue int) {
	w.SetLink(a.Node, b.Node, sim.Link{Delay: 5 * time.Millisecond, Rate: rate, Queue: queue})
}

// every has a queue a message of 500 bytes for b at intervals of d.
func (w *world) every(d time.Duration, a, b *node, intent pipeline.Intent) (stop func()) {
	n := 0
	return w.Every(d, func() {
		n++
		if a.up(b) {
			a.queue(b, uint32(n%10), intent, number(n, 500))
		}
	})
}

// A bounded peer loses no Reliable message, and each Latest channel arrives with its
// newest state.
func TestHeldMessagesWait(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair()
	w.slowly(a, b, 50_000, 1<<20)
	stop := w.every(time.Millisecond, a, b, pipeline.Latest)
	for i := range 200 {
		a.queue(b, 100, pipeline.Reliable, number(i, 900))
	}
	w.run(20 * time.Second)
	stop()
	flow, _ := a.peer(b).QueueFlow()
	require.Greater(t, flow.Superseded, uint64(10_000), "newer states replaced older ones")
	f := a.Endpoint().PeerFlight(a.peer(b))
	require.NotZero(t, f.Holds)
	require.LessOrEqual(t, f.Bytes, f.Bound+1232)
	w.run(2 * time.Second)
	reliable, newest := 0, map[uint32]string{}
	for _, m := range b.got {
		if m.intent == pipeline.Reliable {
			require.Equal(t, number(reliable, 900), m.payload)
			reliable++
		} else {
			newest[m.channel] = m.payload
		}
	}
	require.Equal(t, 200, reliable)
	require.Len(t, newest, 10)
	require.Zero(t, a.session(b).InFlight())
}

// The queue of Realtime messages is kept as short as the link demands, and gets its
// length back.
func TestHeldRealtimeStaysFresh(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair()
	w.slowly(a, b, 25_000, 1<<20)
	start := w.Now()
	stop := w.every(time.Millisecond, a, b, pipeline.Realtime)
	w.run(10 * time.Second)
	var oldest time.Duration
	b.onGot = func(m message) {
		n, err := strconv.Atoi(strings.TrimRight(m.payload, " ."))
		require.NoError(t, err)
		oldest = max(oldest, time.Duration(m.at-start)-time.Duration(n)*time.Millisecond)
	}
	w.run(10 * time.Second)
	require.NotZero(t, oldest)
	require.Less(t, oldest, time.Second)
	require.Less(t, a.peer(b).QueuedBytes(), 10_000)
	b.onGot = nil
	stop()
	w.setLinkBack(a, b)
	w.run(5 * time.Second)
	stop = w.every(time.Millisecond, a, b, pipeline.Realtime)
	w.run(time.Second)
	stop()
	w.cut(true)
	for i := range 600 {
		a.queue(b, 1, pipeline.Realtime, number(i, 500))
	}
	w.run(100 * time.Millisecond)
	require.Greater(t, a.peer(b).QueuedBytes(), 100_000)
}

func (w *world) setLinkBack(a, b *node) { w.SetLink(a.Node, b.Node, w.link) }

// If all that is in flight is lost, and with it every request for an acknowledgement,
// single packets probe the route, ever more rarely, until one is acknowledged.
func TestHeldSessionProbes(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(func(c *conn.Config) { c.KeepAlive, c.Unanswered = 20*time.Second, 40*time.Second })
	w.run(time.Second)
	stop := w.every(time.Millisecond/4, b, a, pipeline.Realtime) // b does not dial and sends no Ping
	w.run(time.Second)
	require.False(t, b.session(a).Held())
	w.SetLink(b.Node, a.Node, sim.Link{Cut: true})
	w.run(time.Second)
	require.True(t, b.session(a).Held())
	probes := 0
	w.tap = func(from, _ netip.AddrPort, _ []byte) bool {
		if from == b.Addr() {
			probes++
		}
		return true
	}
	w.run(10 * time.Second)
	require.InDelta(t, 7, probes, 4)
	w.SetLink(b.Node, a.Node, w.link)
	w.run(2500 * time.Millisecond)
	require.False(t, b.session(a).Held())
	stop()
	w.run(time.Second)
	require.Zero(t, b.session(a).InFlight())
}

// Whatever is lost and however the session changes, the bytes in flight come back to
// zero, and are never negative.
func TestFlightIsConserved(t *testing.T) {
	seeds(t, 10, func(t *testing.T, seed uint64) {
		w := newWorld(t, seed)
		a, b := w.pair(func(c *conn.Config) { c.RekeyAfter = 2 * time.Second })
		w.setLink(sim.Link{Delay: 5 * time.Millisecond, Jitter: 3 * time.Millisecond, Loss: .2, Reorder: .1, ReorderDelay: 20 * time.Millisecond, Duplicate: .1, Rate: 200_000})
		stops := []func(){w.every(3*time.Millisecond, a, b, pipeline.Realtime), w.every(time.Millisecond, b, a, pipeline.Latest), w.every(20*time.Millisecond, a, b, pipeline.Reliable)}
		for range 40 {
			w.run(250 * time.Millisecond)
			for _, n := range [][2]*node{{a, b}, {b, a}} {
				if s := n[0].Endpoint().SessionOf(n[0].peer(n[1])); s != nil {
					require.GreaterOrEqual(t, s.InFlight(), 0)
				}
			}
		}
		for _, stop := range stops {
			stop()
		}
		w.setLink(sim.Link{Delay: time.Millisecond})
		w.run(20 * time.Second)
		require.Zero(t, a.session(b).InFlight())
		require.Zero(t, b.session(a).InFlight())
	})
}

// At 20 % random loss the full rate is sent.
func TestLossDoesNotHoldBack(t *testing.T) {
	w := newWorld(t, seed.Rand(t).Uint64())
	a, b := w.pair()
	w.setLink(sim.Link{Delay: 5 * time.Millisecond, Loss: .2})
	stop := w.every(time.Millisecond/2, a, b, pipeline.Realtime)
	w.run(5 * time.Second)
	before, _ := a.peer(b).QueueFlow()
	w.run(10 * time.Second)
	after, _ := a.peer(b).QueueFlow()
	stop()
	require.Equal(t, before.Displaced, after.Displaced)
	require.InDelta(t, 20_000, after.Taken-before.Taken, 200)
}

// PeerBandwidth is kept to, within the burst that it allows, and the states that leave
// are fresh.
func TestPeerBandwidth(t *testing.T) {
	const limit = 100_000
	w := newWorld(t, 1)
	a, b := w.pair(func(c *conn.Config) { c.PeerBandwidth = limit })
	stop := w.every(time.Millisecond, a, b, pipeline.Realtime)
	w.run(time.Second)
	before := w.LinkStats(a.Node, b.Node).SentBytes
	w.run(5 * time.Second)
	sent := w.LinkStats(a.Node, b.Node).SentBytes - before
	stop()
	require.InEpsilon(t, 5*limit, sent, .02)
	require.Less(t, a.peer(b).QueuedBytes(), limit/4+500)
}

// A full send buffer costs datagrams of the peers that fill it alone. Those of others
// are returned.
func TestRefused(t *testing.T) {
	w := newWorld(t, 1)
	hub := w.node()
	var peers []*node
	for range 4 {
		p := w.node()
		p.dial(hub)
		peers = append(peers, p)
	}
	w.await(time.Second, func() bool {
		for _, p := range peers {
			if !bothUp(hub, p) {
				return false
			}
		}
		return true
	})
	w.run(time.Second)
	slow := peers[:2]
	w.tap = func(_, to netip.AddrPort, _ []byte) bool { return to != slow[0].Addr() && to != slow[1].Addr() }
	for range 40 {
		for _, p := range slow {
			hub.push(p, 1, pipeline.Realtime, number(0, 1100))
		}
	}
	bound := func(p *node) int { return hub.Endpoint().PeerFlight(hub.peer(p)).Bound }
	hub.session(peers[2]).Returned(ack.Outcome{Resolved: 1}, w.Now()) // it has a bound too
	require.Equal(t, inflight.First, bound(slow[0]))
	hub.do(func(e *conn.Endpoint, now pipeline.Time) {
		for _, p := range peers {
			for i := range 3 {
				hub.peer(p).Push(&conn.Message{Channel: 1, Intent: pipeline.Realtime, Payload: []byte(number(i, 1000))})
			}
			e.MarkReady(hub.peer(p))
		}
		require.False(t, e.Flush(now))
		out := e.Outgoing()
		require.Len(t, out, 12)
		to := map[netip.AddrPort]int{}
		rest := e.Refused(1, now)
		for _, d := range rest {
			to[d.Addr]++
		}
		require.Equal(t, map[netip.AddrPort]int{peers[2].Addr(): 3, peers[3].Addr(): 3}, to)
		require.EqualValues(t, 5, e.Stats().Refused)
		require.Empty(t, e.Refused(conn.NoneRefused, now))
	})
	require.Less(t, bound(slow[0]), inflight.First/2)
	require.Less(t, bound(slow[1]), inflight.First/2)
	require.Equal(t, inflight.First, bound(peers[2]))
	require.Zero(t, bound(peers[3]), "it never had much in flight")
}

// A peer cannot hide a queue from the bound by claiming that it delayed its
// acknowledgements: those with a long delay count only as bytes.
func TestDelayHidesNoQueue(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair()
	a.push(b, 1, pipeline.Reliable, "so that the round trip is known")
	w.run(time.Second)
	s := a.session(b)
	bound := func() int { return a.Endpoint().PeerFlight(a.peer(b)).Bound }
	for i := range pipeline.Time(100) {
		o := ack.Outcome{Resolved: 60_000, Sample: 800 * time.Millisecond, HasSample: true, Delay: 795 * time.Millisecond}
		s.Returned(o, w.Now()+i*pipeline.Time(20*time.Millisecond))
	}
	require.Equal(t, inflight.First, bound(), "it neither grows nor falls")
	for i := range pipeline.Time(20) {
		for _, delay := range []time.Duration{20 * time.Millisecond, 795 * time.Millisecond} {
			o := ack.Outcome{Resolved: 60_000, Sample: 800 * time.Millisecond, HasSample: true, Delay: delay}
			s.Returned(o, w.Now()+(100+i)*pipeline.Time(20*time.Millisecond))
		}
	}
	require.Less(t, bound(), inflight.First, "the queue is seen")
}
