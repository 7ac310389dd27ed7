package trial

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/intentra/intentra/bench/contender"
)

// Trip is the round trip of one message at a time.
type Trip struct {
	Count uint64  `json:"count"`
	Lost  uint64  `json:"lost"`
	P50us float64 `json:"p50_us"`
	P99us float64 `json:"p99_us"`
}

// Bounce measures the round trip on a connection and in a process of its own,
// while the senders send at the given rate, zero for not at all.
func (r *Rig) Bounce(ctx context.Context, rate float64, length time.Duration) (t Trip, load Point, err error) {
	if err := r.startProber(ctx); err != nil {
		return t, load, err
	}
	var reply BounceReply
	group, both := errgroup.WithContext(ctx)
	group.Go(func() error {
		return call(both, r.prober, length+callTime, "Sender.Bounce", RunArgs{For: length}, &reply)
	})
	if rate > 0 {
		group.Go(func() (err error) {
			load, err = r.Offer(both, rate, length)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return t, load, fmt.Errorf("round trip: %w", err)
	}
	return Trip{reply.Count, reply.Lost, microseconds(reply.P50), microseconds(reply.P99)}, load, nil
}

func (r *Rig) startProber(ctx context.Context) (err error) {
	if r.prober != nil {
		return nil
	}
	if r.prober, err = startChild(ctx); err != nil {
		return err
	}
	args := DialArgs{Contender: r.Contender.Name(), Setup: r.Shape.setup(r.Shape.Connections, 1), To: r.target, Echo: true}
	return call(ctx, r.prober, openTime, "Sender.Dial", args, &None{})
}

// Rate counts events of a while.
type Rate struct {
	PerSecond float64 `json:"per_second"`
	Failed    uint64  `json:"failed"`
	Error     string  `json:"error,omitempty"`
}

// workers is how many connections are being opened at a time, enough to keep
// both cores busy.
const workers = 8

// Handshakes opens and closes connections for a while, beside those that there
// are. ok is false if the contender has no handshake.
func (r *Rig) Handshakes(ctx context.Context, length time.Duration) (rate Rate, ok bool, err error) {
	if _, ok := r.Contender.(contender.Connector); !ok {
		return rate, false, nil
	}
	p, err := startChild(ctx)
	if err != nil {
		return rate, true, err
	}
	defer p.Close()
	dial := DialArgs{Contender: r.Contender.Name(), Setup: r.Shape.setup(0, 0), To: r.target}
	if err := call(ctx, p, callTime, "Sender.Dial", dial, &None{}); err != nil {
		return rate, true, err
	}
	var reply ConnectReply
	args := ConnectArgs{Workers: workers, For: length}
	if err := call(ctx, p, length+openTime, "Sender.Connect", args, &reply); err != nil {
		return rate, true, fmt.Errorf("handshakes: %w", err)
	}
	return Rate{float64(reply.Done) / reply.Elapsed.Seconds(), reply.Failed, reply.Error}, true, nil
}
