package load

import (
	"context"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/histogram"
)

// Fanout is a Testbed whose transport broadcasts to all peers.
type Fanout struct{ *Testbed }

// OpenFanout starts the hub and the children.
func OpenFanout(ctx context.Context, b TestbedConfig) (*Fanout, error) {
	t, err := open(ctx, b, intentra.Config{Handler: discard})
	return &Fanout{t}, err
}

// Connect connects all peers, which have the given limits.
func (f *Fanout) Connect(ctx context.Context, limits Limits) error {
	return f.connect(ctx, "Subscriber.Connect", limits)
}

// Measure broadcasts hz states of size bytes a second to all peers, first for
// the time warmup and then for the time duration, which it measures. In the
// Point a message is the copy for one peer, and the sender is this process:
// CPUNsPerPacket is that of the hub for each copy delivered.
func (f *Fanout) Measure(ctx context.Context, hz float64, size int, warmup, duration time.Duration) (*Point, error) {
	if warmup > 0 {
		if _, err := f.broadcast(ctx, hz, size, warmup); err != nil {
			return nil, err
		}
	}
	return f.broadcast(ctx, hz, size, duration)
}

func (f *Fanout) broadcast(ctx context.Context, hz float64, size int, duration time.Duration) (*Point, error) {
	id := f.nextID()
	err := f.children.Each(ctx, func(ctx context.Context, i int, c *Child) error {
		_, n := f.children.Share(f.Peers, i)
		return c.Call(ctx, "Subscriber.Begin", Expect{ID: id, Rate: hz * float64(n)}, &struct{}{})
	})
	if err != nil {
		return nil, err
	}
	before, queueBefore := f.Transport.Stats(), queueDrops(f.Transport)
	pacer := f.pacer(Now(), hz, duration)
	message := intentra.Message{Intent: intentra.Realtime, Payload: make([]byte, size)}
	cpu, err := cpuOf(ctx, pacer, func(n int, _ time.Duration) {
		for range n {
			Stamp{Now(), id}.Put(message.Payload)
			f.Transport.Broadcast(message)
		}
	})
	if err != nil {
		return nil, err
	}
	_ = await(ctx, func() (bool, error) { return f.Transport.Stats().QueueBytes == 0, nil })

	peers := uint64(f.Peers)
	p := &Point{Peers: f.Peers, Hz: hz, Offered: peers * pacer.Offered(), Skipped: peers * pacer.Skipped()}
	p.Sent = p.Offered - p.Skipped - (queueDrops(f.Transport) - queueBefore)
	if p.Delivered, p.LatencyUs, err = f.arrived(ctx, p.Sent); err != nil {
		return nil, err
	}
	now := f.Transport.Stats()
	p.SenderDrops = DropsOf(now).Since(DropsOf(before))
	p.CPUNsPerPacket = Ratio(float64(cpu), float64(p.Delivered))
	p.MessagesPerDatagram = per(now.MessagesOut-before.MessagesOut, float64(now.PacketsOut-before.PacketsOut))
	p.rates(duration)
	return p, nil
}

// arrived waits until sent copies have arrived, at most for awaitLimit, and
// adds up what the children have counted.
func (f *Fanout) arrived(ctx context.Context, sent uint64) (n uint64, l Latency, err error) {
	err = await(ctx, func() (bool, error) {
		counts := make([]uint64, len(f.children))
		err := f.children.Each(ctx, func(ctx context.Context, i int, c *Child) error {
			return c.Call(ctx, "Subscriber.Count", struct{}{}, &counts[i])
		})
		if err != nil {
			return false, err
		}
		n = 0
		for _, c := range counts {
			n += c
		}
		return n >= sent, nil
	})
	if err != nil {
		return 0, l, err
	}
	all := make([]Arrived, len(f.children))
	err = f.children.Each(ctx, func(ctx context.Context, i int, c *Child) error {
		return c.Call(ctx, "Subscriber.Arrived", struct{}{}, &all[i])
	})
	if err != nil {
		return 0, l, err
	}
	latency := new(histogram.Snapshot)
	n = 0
	for _, a := range all {
		n += a.Delivered
		latency.Add(a.Latency)
	}
	return n, LatencyOf(latency), nil
}
