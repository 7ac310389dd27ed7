package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/intentra/intentra/internal/load"
)

type benchAttackCmd struct {
	Peers      int           `default:"100" help:"Honest peers; an observer is on the path of the first."`
	Hz         float64       `default:"100" help:"Messages per second that each of them sends."`
	Size       int           `default:"64" help:"Bytes in a message."`
	Flood      float64       `default:"20000" help:"Packets per second that the observer sends with the first peer's address."`
	Handshakes float64       `default:"2000" help:"Handshakes per second that authorized keys begin, and complete if they are admitted."`
	Addresses  int           `default:"20" help:"Addresses that the handshakes come from."`
	Duration   time.Duration `default:"8s" help:"How long to measure each attack, and each phase without one."`
	Background bool          `default:"true" negatable:"" help:"Begin handshakes at low CPU priority, if the system has chrt or nice."`
	JSON       bool          `name:"json" help:"Print the result as one JSON object, the last line of standard output."`
}

func (c *benchAttackCmd) Help() string {
	return `An endpoint with default limits runs in this process, and honest peers in other processes send to it. They are
measured without an attack ("idle"), under forged packets, under replays, under handshakes, and without an attack again.
The difference between the two idle phases shows how much the machine varies.

The first peer dials through a forwarder on its path, which copies its datagrams. The flood is sent from the forwarder's
socket, so that it has that peer's address, port and receiver index. A forged packet is a genuine one with one bit flipped
and a counter that is genuine, near or far ahead; replays are of the latest 300 packets. Each handshake is from a dialer
that sends every message once. In reality the attackers' computations would not use the endpoint's processors, so they
run at low priority here; --no-background shows the difference.

Latency is one-way, from Send to the Handler, by the monotonic clock that all processes of the machine share. That of the
first peer includes the forwarder. The targets are those of rows 1 and 32 of docs/THREATMODEL.md.

--json prints {"peers","hz","size_bytes","addresses","callers_behind","duration_s","phases":[{"attack","victim":{"offered","skipped","sent",
"delivered","delivery","latency_us":{"p50","p90","p99","p999","max","samples"}},"others":{},"asked_per_s","sent_per_s",
"attacker":{"offered","skipped","sent","cpu_ns","proved","finals","confirmed"},"endpoint_cores","attacker_cores",
"drops":{"stage/reason"},"handshakes":{},"cookies_sent","closes":{},"strikes"}],"victim_delivery_forged",
"victim_delivery_replays","p99_ratio_handshakes","admitted_per_s"}. The ratio is that of the other peers' p99 to the lower
p99 of the idle phases.`
}

// What we chose.
const (
	attackWarmup    = time.Second
	maxAttackPeers  = 2000 // the default limits admit this many within ten seconds
	maxAttackHz     = 5000 // half of the default PeerRate
	maxFlood        = 1_000_000
	maxAttackCalls  = 20_000
	maxAttackOffers = 2_000_000 // messages per second of all honest peers
)

// attackPhases are the phases in the order of measurement.
var attackPhases = []load.AttackKind{load.Idle, load.Forged, load.Replayed, load.Handshakes, load.Idle}

// attackResult is the result of a benchmark of attacks.
type attackResult struct {
	Peers     int           `json:"peers"`
	Hz        float64       `json:"hz"`
	SizeBytes int           `json:"size_bytes"`
	Addresses int           `json:"addresses"`
	Behind    string        `json:"callers_behind"` // the command that lowers their priority
	DurationS float64       `json:"duration_s"`
	Phases    []*load.Phase `json:"phases"` // completed

	// Null for phases that were not measured.
	VictimForged   *float64 `json:"victim_delivery_forged"`
	VictimReplays  *float64 `json:"victim_delivery_replays"`
	RatioP99       *float64 `json:"p99_ratio_handshakes"`
	AdmittedPerSec *float64 `json:"admitted_per_s"`
}

// check returns a usage error for invalid flags.
func (c *benchAttackCmd) check() error {
	err := checkBench("attack",
		benchRange{"peers", float64(c.Peers), 2, maxAttackPeers}, sizeRange(c.Size),
		benchRange{"hz", c.Hz, 1, min(maxAttackHz, maxAttackOffers/float64(max(c.Peers, 1)))},
		benchRange{"flood", c.Flood, 1, maxFlood}, benchRange{"handshakes", c.Handshakes, 1, maxAttackCalls},
		benchRange{"addresses", float64(c.Addresses), 1, load.MaxCallAddresses},
	)
	if err == nil {
		err = checkDuration("attack", "duration", c.Duration, leastDuration)
	}
	return err
}

func (c *benchAttackCmd) Run(e *environment) error {
	if err := c.check(); err != nil {
		return err
	}
	r := &attackResult{
		Peers: c.Peers, Hz: c.Hz, SizeBytes: c.Size, Addresses: c.Addresses, DurationS: seconds(c.Duration), Phases: []*load.Phase{},
	}
	table, _ := e.live(c.JSON)
	err := c.measure(e, r, attackTable{table})
	if err := e.benchEnd("attack", err); err != nil {
		return err
	}
	r.conclude(c.Duration)
	attackTable{table}.conclusions(r)
	if c.JSON {
		return printJSON(e.stdout, r)
	}
	return nil
}

// measure adds each phase to the result and to the table.
func (c *benchAttackCmd) measure(e *environment, r *attackResult, table attackTable) error {
	b, err := e.testbed(c.Peers, 0, load.Limits{})
	if err != nil {
		return err
	}
	b.Spare = spareFor(c.Handshakes)
	a, err := load.OpenAttack(e.ctx, b, load.AttackConfig{
		Hz: c.Hz, Size: c.Size, Flood: c.Flood, Handshakes: c.Handshakes, Addresses: c.Addresses, Foreground: !c.Background,
	})
	if err != nil {
		return err
	}
	defer a.Close()
	r.Behind = a.Background
	p := e.progress()
	err = p.during("connecting", connecting(a.Connected, c.Peers), func() error { return a.Connect(e.ctx) })
	if err != nil {
		return err
	}
	if r.Addresses = a.Addresses; a.Addresses < c.Addresses {
		e.warnf("handshakes come from %d address instead of %d: the loopback interface of this system has no more", a.Addresses, c.Addresses)
	}
	err = p.during("warming up", elapsed(attackWarmup), func() error {
		_, err := a.Measure(e.ctx, load.Idle, attackWarmup)
		return err
	})
	if err != nil {
		return err
	}
	table.header(r)
	for i, kind := range attackPhases {
		var phase *load.Phase
		what := fmt.Sprintf("phase %d/%d, %s", i+1, len(attackPhases), kind)
		err := p.during(what, elapsed(c.Duration), func() (err error) {
			phase, err = a.Measure(e.ctx, kind, c.Duration)
			return err
		})
		if err != nil {
			return err
		}
		r.Phases = append(r.Phases, phase)
		table.phase(phase)
	}
	return context.Cause(e.ctx)
}

// conclude sets the figures that the threat model has targets for, as far as they
// were measured.
func (r *attackResult) conclude(duration time.Duration) {
	var calms []float64
	for _, p := range r.Phases {
		if p.Kind == load.Idle {
			calms = append(calms, p.Others.LatencyUs.P99)
		}
	}
	for _, p := range r.Phases {
		switch p.Kind {
		case load.Forged:
			r.VictimForged = &p.Victim.Delivery
		case load.Replayed:
			r.VictimReplays = &p.Victim.Delivery
		case load.Handshakes:
			admitted := p.Admitted(duration)
			r.AdmittedPerSec = &admitted
			// Other load of the machine raises the p99 of an idle phase and so
			// would improve the ratio.
			ratio := load.Ratio(p.Others.LatencyUs.P99, slices.Min(calms))
			r.RatioP99 = &ratio
		}
	}
}
