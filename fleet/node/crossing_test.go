package node

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/load"
)

// What the benchmarks run: the load of one of three hubs that serve 300 peers at 60 Hz, and
// multiples of it.
const (
	crossingTopics = 100
	crossingRate   = 6000
	crossingSize   = 64
	crossingRound  = time.Second // between measurements
	byHandBatch    = 24          // updates, as in a batch at crossingRate
	burst          = 900         // updates at once, so that the inbox of a node has room for a message of each
	bursts         = 20          // in a round
)

// crossing is a fleet of three hubs in which the other two want all topics of the first.
type crossing struct {
	*testFleet
	ids  []uint64
	rate float64
	cpu  time.Duration
	sent int
	// updates and batches that were sent over NATS.
	updates, batches uint64
}

func newCrossing(b *testing.B, rate float64, gather time.Duration, batch int) *crossing {
	c := &crossing{rate: rate, testFleet: newFleet(b, 3, func(_ int, cfg *Config) {
		cfg.Gather, cfg.Batch, cfg.Heartbeat, cfg.Lost = gather, batch, 500*time.Millisecond, 2*time.Second
	})}
	publisher := c.dial(c.nodes[0])
	for i := range crossingTopics {
		_, err := publisher.Declare(b.Context(), hub.Topic{Name: fmt.Sprint(i), Intent: intentra.Realtime})
		require.NoError(b, err)
	}
	for _, n := range c.nodes[1:] {
		// Hubs receive all, but send nearly nothing to the subscriber.
		s, err := c.dial(n).Subscribe(b.Context(), hub.Subscription{Pattern: "**", MaxRate: 0.001})
		require.NoError(b, err)
		b.Cleanup(s.Close)
	}
	for id := range uint64(crossingTopics) {
		c.ids = append(c.ids, id+1)
	}
	c.until(func() bool { return c.nodes[0].Status().Exported == crossingTopics })
	return c
}

// publish has the hub publish for a round, and returns how many updates it was in time for.
func (c *crossing) publish(ctx context.Context) (published int) {
	p := c.pacer()
	payload := make([]byte, crossingSize)
	for {
		if _, ok := p.Wait(ctx); !ok {
			return published
		}
		c.nodes[0].queue.Published(c.ids[published%len(c.ids)], payload, hub.Age{})
		published++
	}
}

func (c *crossing) pacer() *load.Pacer {
	return &load.Pacer{Start: load.Now(), Rate: c.rate, Duration: crossingRound}
}

// used returns the CPU time that the process has used in f.
func used(b *testing.B, f func()) time.Duration {
	before, err := load.ReadUsage()
	require.NoError(b, err)
	f()
	after, err := load.ReadUsage()
	require.NoError(b, err)
	return after.CPU - before.CPU
}

// burst measures the CPU time of updates that come many at once, so that no thread waits for the
// next one.
func (c *crossing) burst(b *testing.B) {
	payload := make([]byte, crossingSize)
	for range bursts {
		c.measure(b, func() (sent int) {
			for ; sent < burst; sent++ {
				c.nodes[0].queue.Published(c.ids[sent%len(c.ids)], payload, hub.Age{})
			}
			return sent
		})
	}
}

// received returns how many updates the other hubs have distributed.
func (c *crossing) received() uint64 {
	return c.nodes[1].Status().Updates + c.nodes[2].Status().Updates
}

// measure measures the CPU time until the updates that f publishes have arrived, or nothing does
// any more, because a machine that is overloaded has lost some.
func (c *crossing) measure(b *testing.B, f func() int) {
	first, before := c.received(), c.nodes[0].Status()
	c.cpu += used(b, func() {
		want := first + 2*uint64(f())
		last, at := first, load.Now()
		c.until(func() bool {
			if r := c.received(); r != last {
				last, at = r, load.Now()
			}
			return last >= want || load.Now()-at > crossingRound
		})
	})
	after := c.nodes[0].Status()
	c.updates, c.batches = c.updates+after.UpdatesSent-before.UpdatesSent, c.batches+after.BatchesSent-before.BatchesSent
	c.sent += int(c.received()-first) / 2
}

// round measures the CPU time of a round beyond that of a process that only waits as often.
func (c *crossing) round(b *testing.B) {
	c.measure(b, func() int { return c.publish(b.Context()) })
	idle := c.pacer()
	c.cpu -= used(b, func() {
		for {
			if _, ok := idle.Wait(b.Context()); !ok {
				return
			}
		}
	})
}

func (c *crossing) each() float64 { return float64(c.cpu.Nanoseconds()) / float64(c.sent) }

// BenchmarkCrossing measures the CPU time of all three hubs and their NATS servers for each
// update that reaches two other hubs: in batches, and each in a message of its own. Rounds
// of both alternate. Own is the part of it for which NATS is not used, in batches; see byHand.
func BenchmarkCrossing(b *testing.B) {
	for _, v := range []struct {
		name  string
		rate  float64
		round func(*crossing, *testing.B)
	}{{"6000_per_s", crossingRate, (*crossing).round}, {"24000_per_s", 4 * crossingRate, (*crossing).round}, {"bursts", crossingRate, (*crossing).burst}} {
		b.Run(v.name, func(b *testing.B) {
			batched, single := newCrossing(b, v.rate, 0, 0), newCrossing(b, v.rate, -1, 1)
			var own time.Duration
			var updates int
			for b.Loop() {
				v.round(batched, b)
				v.round(single, b)
				own += batched.byHand(b)
				updates += int(v.rate)
			}
			perUpdate := float64(own.Nanoseconds()) / float64(updates)
			b.ReportMetric(float64(batched.updates)/float64(batched.batches), "updates/batch")
			b.ReportMetric(batched.each(), "cpu-ns/update")
			b.ReportMetric(single.each(), "cpu-ns/update-alone")
			b.ReportMetric(perUpdate, "cpu-ns/update-own")
			b.ReportMetric(single.each()/batched.each(), "ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// byHand measures what updates cost without NATS: the hub queues, numbers and encodes them for
// both other hubs, and each of these decodes them and gives them to its hub. Frames are carried
// by hand, in batches of byHandBatch updates; nothing waits, and no thread is woken.
func (c *crossing) byHand(b *testing.B) (cpu time.Duration) {
	batches := int(c.rate) / byHandBatch
	from, payload := c.nodes[0], make([]byte, crossingSize)
	type carried struct{ subject, frame string }
	var list []carried
	for _, n := range c.nodes { // the loops wait
		n.mu.Lock()
		defer n.mu.Unlock()
	}
	cpu += used(b, func() {
		for i := range batches {
			for k := range byHandBatch {
				from.queue.Published(c.ids[(i*byHandBatch+k)%len(c.ids)], payload, hub.Age{})
			}
			from.turnByHand(from.member.Flush)
			rest := from.bus.frames
			for _, call := range from.bus.calls {
				list = append(list, carried{call.subject, string(rest[:call.size])})
				rest = rest[call.size:]
			}
			from.bus.calls, from.bus.frames = from.bus.calls[:0], from.bus.frames[:0]
		}
	})
	require.Len(b, list, 2*batches)
	for _, to := range c.nodes[1:] {
		subject, before := to.bus.subjects.to(to.hub.Transport().PublicKey()), to.member.Stats().Updates
		cpu += used(b, func() {
			for _, f := range list {
				if f.subject == subject {
					to.turnByHand(func() { to.member.ReceiveDirect([]byte(f.frame)) })
				}
			}
		})
		require.EqualValues(b, before+uint64(batches*byHandBatch), to.member.Stats().Updates)
	}
	return cpu
}

// turnByHand is turn without NATS. The node is locked.
func (n *Node) turnByHand(f func()) {
	n.hub.Remote(func(r *hub.Remote) {
		n.member.Begin(r, time.Since(n.start))
		n.drain()
		f()
		n.drain()
		n.member.End()
	})
}
