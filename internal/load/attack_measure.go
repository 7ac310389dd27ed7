package load

import (
	"context"
	"errors"
	"math"
	"time"
)

// settle is how long no datagram arrives after the end of an attack: those that are still under
// way count.
const settle = 50 * time.Millisecond

// Measure has the honest peers send for the time duration, during an attack.
func (a *Attack) Measure(ctx context.Context, kind AttackKind, duration time.Duration) (*Phase, error) {
	if kind == Handshakes {
		r := CallRun{Rate: a.Handshakes, Duration: duration}
		if err := a.callers[0].Call(ctx, "Caller.Prepare", r, &struct{}{}); err != nil {
			return nil, err
		}
	}
	p := &Phase{Kind: kind}
	before, start := a.Transport.Stats(), Now()+lead
	var victim, others Sent
	ended := make(chan error, 3)
	go func() { ended <- a.attack(ctx, start, duration, p) }()
	run := Run{Start: start, Duration: duration, Size: a.Size, MaxLate: a.MaxLate}
	a.sendFrom(ctx, victimChild, 1, run, &a.victim, &victim, ended)
	a.sendFrom(ctx, othersChild, a.Peers-1, run, &a.others, &others, ended)
	cpu, _, err := newMeter(a.Transport).during(ctx, start, duration, &a.others)
	err = errors.Join(err, <-ended, <-ended, <-ended)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	err = await(ctx, func() (bool, error) {
		return a.others.Delivered() >= others.Sent && a.victim.Delivered() >= victim.Sent, nil
	})
	if err == nil {
		err = Drain(ctx, math.MaxUint64, settle, awaitLimit, func() (uint64, error) { return a.Transport.Stats().PacketsIn, nil })
	}
	if err != nil {
		return nil, err
	}
	p.Others, p.Victim = shareOf(&others, &a.others), shareOf(&victim, &a.victim)
	p.EndpointCores = Ratio(cpu.Seconds(), duration.Seconds())
	p.count(before, a.Transport.Stats())
	return p, nil
}

// attack runs the attack of p.Kind.
func (a *Attack) attack(ctx context.Context, start, duration time.Duration, p *Phase) error {
	var args any
	child, method := a.children[observerChild], "Observer.Inject"
	switch p.Kind {
	case Idle:
		return nil
	case Handshakes:
		child, method = a.callers[0], "Caller.Run"
		args = CallRun{Rate: a.Handshakes, Start: start, Duration: duration}
		p.Asked = a.Handshakes
	default:
		args = Injection{Replay: p.Kind == Replayed, Rate: a.Flood, Start: start, Duration: duration}
		p.Asked = a.Flood
	}
	p.Attack = new(Attacked)
	if err := child.Call(ctx, method, args, p.Attack); err != nil {
		return err
	}
	p.PerSecond = per(p.Attack.Sent, duration.Seconds())
	p.AttackerCores = Ratio(p.Attack.CPU.Seconds(), duration.Seconds())
	return nil
}

// sendFrom has the peers of a child send messages that r counts.
func (a *Attack) sendFrom(ctx context.Context, child, peers int, run Run, r *Receiver, sent *Sent, ended chan<- error) {
	run.ID, run.Rate = a.nextID(), a.Hz*float64(peers)
	r.Begin(run.ID, SampleEvery(run.Rate))
	go func() { ended <- a.children[child].Call(ctx, "Sender.Run", run, sent) }()
}
