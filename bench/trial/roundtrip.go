package trial

import (
	"context"
	"fmt"
	"time"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/internal/load"
)

// Trips are the round trips of one message at a time.
type Trips struct {
	Count uint64  `json:"count"`
	Lost  uint64  `json:"lost"`
	P50us float64 `json:"p50_us"`
	P99us float64 `json:"p99_us"`
}

// RoundTrips measures round trips from a process of its own, on one more
// connection, while the senders send rate messages a second. If rate is zero
// they do not send, and during is zero.
func (r *Rig) RoundTrips(ctx context.Context, rate float64, length time.Duration) (t Trips, during Point, err error) {
	if err := r.startProber(ctx); err != nil {
		return t, during, err
	}
	var reply RoundTripReply
	measure := []func(context.Context) error{func(ctx context.Context) error {
		return call(ctx, r.prober[0], length+callTime, "Sender.RoundTrip", length, &reply)
	}}
	if rate > 0 {
		measure = append(measure, func(ctx context.Context) (err error) {
			during, err = r.Offer(ctx, rate, length)
			return err
		})
	}
	err = load.Parallel(ctx, len(measure), len(measure), func(ctx context.Context, i int) error { return measure[i](ctx) })
	if err != nil {
		return t, during, fmt.Errorf("round trips: %w", err)
	}
	return Trips{reply.Count, reply.Lost, microseconds(reply.P50), microseconds(reply.P99)}, during, nil
}

func (r *Rig) startProber(ctx context.Context) (err error) {
	if r.prober != nil {
		return nil
	}
	if r.prober, err = startChildren(ctx, 1); err != nil {
		return err
	}
	args := DialArgs{Contender: r.Contender.Name(), Setup: r.Shape.setup(r.Shape.Connections, 1), To: r.target, Echo: true}
	return call(ctx, r.prober[0], openTime, "Sender.Dial", args, &None{})
}

// Rate is how often something happened.
type Rate struct {
	PerSecond float64 `json:"per_second"`
	Failed    uint64  `json:"failed"`
	Error     string  `json:"error,omitempty"`
}

// workers is how many handshakes run at a time, enough to keep two cores busy.
const workers = 8

// Handshakes keeps opening and closing connections, in addition to those that
// are open. ok is false if the contender has no handshake.
func (r *Rig) Handshakes(ctx context.Context, length time.Duration) (rate Rate, ok bool, err error) {
	if _, ok := r.Contender.(contender.Connector); !ok {
		return rate, false, nil
	}
	dialer, err := startChildren(ctx, 1)
	if err != nil {
		return rate, true, err
	}
	defer dialer.Close()
	dial := DialArgs{Contender: r.Contender.Name(), Setup: r.Shape.setup(0, 0), To: r.target}
	if err := call(ctx, dialer[0], callTime, "Sender.Dial", dial, &None{}); err != nil {
		return rate, true, err
	}
	var reply ConnectReply
	args := ConnectArgs{Workers: workers, For: length}
	if err := call(ctx, dialer[0], length+openTime, "Sender.Connect", args, &reply); err != nil {
		return rate, true, fmt.Errorf("handshakes: %w", err)
	}
	return Rate{float64(reply.Done) / reply.Elapsed.Seconds(), reply.Failed, reply.Error}, true, nil
}
