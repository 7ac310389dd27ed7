package conn_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/wire"
)

// The peer takes smaller datagrams than we do. A message that fits in none is
// dropped and counted, and delays no other.
func TestPeerTakesSmallerDatagrams(t *testing.T) {
	for _, intent := range []pipeline.Intent{pipeline.Realtime, pipeline.Latest, pipeline.Reliable} {
		t.Run(intent.String(), func(t *testing.T) {
			w := newWorld(t, 1)
			a := w.node()
			b := w.node(func(c *conn.Config) { c.MaxDatagram, c.MaxMessage = 256, 256 })
			largest := 0
			w.tap = func(_, _ netip.AddrPort, data []byte) bool { largest = max(largest, len(data)); return true }
			a.dial(b)
			w.await(time.Second, func() bool { return bothUp(a, b) })
			require.Equal(t, 256, a.peer(b).MaxDatagram())
			for i, size := range []int{10, 600, 20, 1100, 200, 30} {
				a.queue(b, uint32(i), intent, number(i, size))
			}
			a.turn()
			w.run(time.Second)
			var got []string
			for _, m := range b.got {
				got = append(got, m.payload)
			}
			require.ElementsMatch(t, []string{number(0, 10), number(2, 20), number(4, 200), number(5, 30)}, got)
			require.EqualValues(t, 2, a.Stats().TooLarge)
			require.LessOrEqual(t, largest, 256)
			require.True(t, a.Endpoint().Settled(a.peer(b)))
			w.checkAll()
			w.closeAll()
		})
	}
}

// More messages than fit in a batch leave in several batches, and all of them
// leave.
func TestFlushInBatches(t *testing.T) {
	w := newWorld(t, 8)
	fast := func(c *conn.Config) { c.PeerRate, c.PeerBurst = 1_000_000, 10_000 }
	a, b, c := w.node(), w.node(fast), w.node(fast)
	a.dial(b)
	a.dial(c)
	w.run(time.Second)
	a.session(b).Unbound()
	a.session(c).Unbound()
	for i := range 400 {
		for _, n := range []*node{b, c} {
			a.queue(n, 1, pipeline.Reliable, number(i, 1100))
		}
	}
	sizes := []int{}
	a.do(func(e *conn.Endpoint, now pipeline.Time) {
		for more := true; more; {
			more = e.Flush(now)
			out := e.Outgoing()
			sizes = append(sizes, len(out))
			for _, d := range out {
				w.Inject(a.Addr(), d.Addr, d.Data, 5*time.Millisecond)
			}
		}
	})
	for _, n := range sizes[:len(sizes)-1] {
		// Each batch holds as many full datagrams as fit.
		require.InDelta(t, conn.TransmitBytes/conn.AcceptedDatagram, n, 2)
	}
	require.Len(t, sizes, 8)
	w.run(time.Second)
	requireExactlyOnce(t, onChannelZero(b.got), 1, 400)
	requireExactlyOnce(t, onChannelZero(c.got), 1, 400)
}

// Eight 128-byte states travel in one datagram.
func TestMessagesShareADatagram(t *testing.T) {
	w := newWorld(t, 2)
	a, b := w.pair()
	w.run(time.Second)
	kinds := w.kinds()
	for i := range 90 {
		a.queue(b, uint32(i), pipeline.Latest, number(i, 128))
	}
	a.turn()
	require.Equal(t, 12, kinds[wire.TypeData])
	w.run(time.Second)
	require.Len(t, b.got, 90)
}

// Neither intent starves the other.
func TestStateAndReliableTakeTurns(t *testing.T) {
	w := newWorld(t, 3)
	a, b := w.pair(func(c *conn.Config) { c.PeerRate, c.PeerBurst = 100, 2 })
	for range 100 {
		a.queue(b, 1, pipeline.Realtime, number(0, 1100))
		a.queue(b, 2, pipeline.Reliable, number(0, 1100))
	}
	a.turn()
	w.run(time.Second)
	of := map[uint32]int{}
	for _, m := range b.got {
		of[m.channel]++
	}
	require.InDelta(t, of[1], of[2], 3)
	require.InDelta(t, 98, of[1]+of[2], 8)
}

// tail is one of a pair of user stages: one appends to each message what the
// other removes.
type tail struct{ pipeline.Stage }

func (tail) MaxGrowth() int { return 3 }

func withTail(c *conn.Config) {
	var buf [2048]byte
	grow := tail{pipeline.Func("grow", nil, func(p *pipeline.Packet) pipeline.Verdict {
		p.SetPayload(append(append(buf[:0], p.Payload()...), "+++"...))
		return pipeline.Accept
	})}
	shrink := pipeline.Func("shrink", []string{"tail"}, func(p *pipeline.Packet) pipeline.Verdict {
		s, ok := strings.CutSuffix(string(p.Payload()), "+++")
		if !ok || strings.HasSuffix(s, "+") {
			return pipeline.DropFirst
		}
		p.SetPayload([]byte(s))
		return pipeline.Accept
	})
	c.Stages = func(s *stages.Set) error {
		s.InsertAfter("ack", shrink)
		s.Outbound.InsertBefore("pack", grow)
		return nil
	}
}

// The largest possible messages pass through user stages, whatever else the
// packets carry.
func TestLargestMessagesThroughStages(t *testing.T) {
	const largest = conn.AcceptedDatagram - wire.Overhead - 3 - (1 + 1 + 2)
	for _, intent := range []pipeline.Intent{pipeline.Realtime, pipeline.Reliable} {
		w := newWorld(t, 4)
		w.setLink(sim.Link{Delay: 5 * time.Millisecond, Loss: 0.05})
		a, b := w.pair(withTail)
		size := largest
		if intent == pipeline.Reliable {
			size -= 10
		}
		for i := range 200 {
			a.push(b, 1, intent, number(i, size))
			b.push(a, 1, intent, number(i, size))
			w.run(time.Millisecond)
		}
		w.run(5 * time.Second)
		require.Zero(t, a.Stats().TooLarge+b.Stats().TooLarge)
		require.Zero(t, a.drops("shrink/tail")+b.drops("shrink/tail"))
		require.Greater(t, len(a.got), 170)
		if intent == pipeline.Reliable {
			requireExactlyOnce(t, onChannelZero(a.got), 1, 200)
			requireExactlyOnce(t, onChannelZero(b.got), 1, 200)
		}
		w.checkAll()
	}
}

// An acknowledgement that is due does not displace a message that would otherwise
// fit in the packet.
func TestLargestMessageAndAcknowledgement(t *testing.T) {
	for _, change := range []func(*conn.Config){withTail, func(*conn.Config) {}} {
		w := newWorld(t, 7)
		a, b := w.pair(change)
		w.run(100 * time.Millisecond)
		b.push(a, 1, pipeline.Realtime, "x")
		w.run(29 * time.Millisecond)
		require.Len(t, a.got, 1)
		a.queue(b, 1, pipeline.Realtime, number(0, conn.AcceptedDatagram-wire.Overhead-3-4))
		w.run(time.Millisecond) // the acknowledgement is due
		w.run(time.Second)
		require.Len(t, b.got, 1)
		require.Zero(t, a.Stats().TooLarge)
	}
}

func onChannelZero(got []message) (all []message) {
	for _, m := range got {
		m.channel = 0
		all = append(all, m)
	}
	return all
}

// A message that is sent again in a second session passes through the stages
// once.
func TestStagesAndReconnect(t *testing.T) {
	w := newWorld(t, 5)
	a, b := w.pair(withTail)
	w.cut(true)
	for i := range 10 {
		a.push(b, 0, pipeline.Reliable, number(i, 4))
		w.run(time.Millisecond)
	}
	w.await(20*time.Second, func() bool { return !a.up(b) })
	w.cut(false)
	w.await(5*time.Second, func() bool { return len(b.got) == 10 })
	requireExactlyOnce(t, b.got, 1, 10)
	require.Zero(t, b.drops("shrink/tail"))
	w.checkAll()
}

// Steady traffic allocates nothing.
func TestPacketPathAllocatesNothing(t *testing.T) {
	for _, intent := range []pipeline.Intent{pipeline.Realtime, pipeline.Latest, pipeline.Reliable} {
		w := newWorld(t, 6)
		a, b := w.pair(func(c *conn.Config) { c.Deliver = nil })
		w.run(time.Second)
		p, payload := a.peer(b), make([]byte, 128)
		now := w.Now()
		var buf [1500]byte
		cross := func(from, to *node) {
			from.Endpoint().HandleTimeout(now)
			from.Endpoint().Flush(now)
			for _, d := range from.Endpoint().Outgoing() {
				to.Endpoint().HandleDatagram(wire.Datagram{Data: append(buf[:0], d.Data...), Addr: from.Addr()}, now)
			}
		}
		turn := func() {
			for range 50 {
				now += pipeline.Time(time.Millisecond)
				for channel := range uint32(4) {
					if _, wake := p.Push(&conn.Message{Channel: channel, Intent: intent, Payload: payload}); wake {
						a.Endpoint().MarkReady(p)
					}
				}
				cross(a, b)
				cross(b, a)
			}
		}
		for range 100 {
			turn()
		}
		require.Zero(t, testing.AllocsPerRun(20, turn), intent)
		require.Zero(t, b.drops("ratelimit/peer_rate"))
	}
}
