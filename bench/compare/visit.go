package compare

import (
	"context"
	"slices"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/bench/trial"
)

// visit measures one step in one round.
type visit struct {
	*run
	step
	name  string
	round int
	rig   *trial.Rig
}

func (v *visit) add(metric string, value float64) { v.book.Add(v.key(), metric, v.round, value) }

func (v *visit) measure(ctx context.Context) error {
	if len(v.rates) > 0 {
		return v.fixed(ctx)
	}
	if v.few {
		v.memory()
		if err := v.trip(ctx, 0); err != nil {
			return err
		}
	}
	peak, err := v.peak(ctx)
	if err != nil {
		return err
	}
	if err := v.half(ctx, peak/2); err != nil {
		return err
	}
	if v.most() {
		return v.handshakes(ctx)
	}
	return nil
}

// fixed measures at each rate of the step.
func (v *visit) fixed(ctx context.Context) error {
	for _, rate := range v.rates {
		p, err := v.offer(ctx, rate)
		if err != nil {
			return err
		}
		v.add(At(rate, FixedDelivery), p.Delivery)
		v.add(At(rate, FixedReceiverNs), p.ReceiverNs)
		v.add(At(rate, FixedSenderNs), p.SenderNs)
		v.add(At(rate, FixedP50), p.P50us)
		v.add(At(rate, FixedP99), p.P99us)
		if p.PerDatagram > 0 {
			v.add(At(rate, FixedPerDatagram), p.PerDatagram)
			v.add(At(rate, FixedDatagramNs), p.ReceiverNs*p.PerDatagram)
		}
	}
	return nil
}

func (v *visit) offer(ctx context.Context, rate float64) (trial.Point, error) {
	p, err := v.rig.Offer(ctx, rate, v.Length)
	if err == nil {
		v.say("%s: %s", v.name, p)
	}
	return p, err
}

// peak measures flat out, and then looks for the peak. The search starts at half
// of what was delivered flat out, and in later rounds at 0.8 of the last peak.
func (v *visit) peak(ctx context.Context) (float64, error) {
	flat, err := v.offer(ctx, 0)
	if err != nil {
		return 0, err
	}
	v.add(FlatOut, flat.DeliveredRate)
	v.add(FlatDelivery, flat.Delivery)
	start := flat.DeliveredRate / 2
	if last, ok := v.book.Last(v.key(), Peak, v.round); ok {
		start = last * 0.8
	}
	best, err := trial.Search(max(start, leastRate), func(rate float64) (trial.Point, error) { return v.offer(ctx, rate) })
	if err != nil {
		return 0, err
	}
	v.add(Peak, best.DeliveredRate)
	if best.Delivered > 0 {
		v.add(PeakReceiverNs, best.ReceiverNs)
		v.add(PeakSenderNs, best.SenderNs)
	}
	if best.PerDatagram > 0 {
		v.add(PerDatagram, best.PerDatagram)
	}
	return best.DeliveredRate, nil
}

// leastRate is the start of a search if nothing was delivered flat out.
const leastRate = 1000

// half measures at half of the contender's own peak: the CPU time with many
// connections, round trips with few.
func (v *visit) half(ctx context.Context, rate float64) error {
	if rate == 0 {
		return nil
	}
	if v.few {
		return v.trip(ctx, rate)
	}
	p, err := v.offer(ctx, rate)
	if err == nil {
		v.add(HalfReceiverNs, p.ReceiverNs)
		v.add(HalfSenderNs, p.SenderNs)
	}
	return err
}

// trip measures round trips while the senders send at the given rate.
func (v *visit) trip(ctx context.Context, rate float64) error {
	t, _, err := v.rig.RoundTrips(ctx, rate, v.Length)
	if err != nil {
		return err
	}
	v.say("%s: round trip at %.0f/s: p50 %.1f us, p99 %.1f us, %d lost", v.name, rate, t.P50us, t.P99us, t.Lost)
	if t.Count == 0 {
		return nil
	}
	if rate == 0 {
		v.add(TripP50, t.P50us)
		v.add(TripP99, t.P99us)
		return nil
	}
	v.add(TripHalfP50, t.P50us)
	v.add(TripHalfP99, t.P99us)
	return nil
}

// most reports whether this step has the most connections of the comparison with
// other transports. Figures that do not depend on their number are measured
// there alone.
func (v *visit) most() bool { return v.few && v.connections == slices.Max(v.Few) }

// memory records what the rig measured while it was opened. A contender without
// a handshake keeps no state for a connection.
func (v *visit) memory() {
	if _, ok := v.step.contender.(contender.Connector); !ok || !v.most() {
		return
	}
	v.say("%s: %.0f bytes a connection", v.name, v.rig.BytesPerConnection)
	v.add(Memory, v.rig.BytesPerConnection)
}

func (v *visit) handshakes(ctx context.Context) error {
	rate, ok, err := v.rig.Handshakes(ctx, v.Length)
	if err != nil || !ok {
		return err
	}
	v.say("%s: %.0f handshakes/s, %d failed %s", v.name, rate.PerSecond, rate.Failed, rate.Error)
	v.add(Handshakes, rate.PerSecond)
	return nil
}
