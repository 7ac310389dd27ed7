package load

import (
	"context"
	"errors"
	"net/netip"
	"time"
)

// errNothingSeen: nothing that could be replayed or changed was captured.
var errNothingSeen = errors.New("no datagram of the peer was captured")

// Observer is the service of a child that sits on a peer's path to its parent.
type Observer struct {
	ctx  context.Context
	path *Forwarder
}

// Injection says what an Observer is to send in the peer's name.
type Injection struct {
	// Replay is for copies of genuine datagrams; otherwise they are forged.
	Replay   bool
	Rate     float64       // datagrams per second
	Start    time.Duration // by Now
	Duration time.Duration
}

// Attacked is what an attacker has sent.
type Attacked struct {
	// Offered fell due; Skipped ones of them were too late to be sent.
	Offered uint64 `json:"offered"`
	Skipped uint64 `json:"skipped"`
	// Sent were taken by the kernel: datagrams of a flood, or first messages of
	// handshakes.
	Sent uint64 `json:"sent"`
	// CPU is what the process used meanwhile.
	CPU time.Duration `json:"cpu_ns"`

	// Of a flood of handshakes: those that showed their cookie, those whose
	// message 2 was answered, and those that the endpoint has confirmed.
	Proved    uint64 `json:"proved"`
	Finals    uint64 `json:"finals"`
	Confirmed uint64 `json:"confirmed"`
}

// Forward opens the path, once, and returns the address that the peer is to dial.
func (o *Observer) Forward(to netip.AddrPort, addr *netip.AddrPort) (err error) {
	if o.path, err = OpenForwarder(to); err != nil {
		return err
	}
	*addr = o.path.Addr()
	return nil
}

// Inject floods the path, and returns when that is over.
func (o *Observer) Inject(i Injection, sent *Attacked) error {
	f := newFlood(o.path)
	compose := f.forged
	if i.Replay {
		compose = f.replayed
	}
	if len(compose()) == 0 {
		return errNothingSeen
	}
	return paced(o.ctx, i.Start, i.Rate, i.Duration, sent, func() {
		if o.path.Inject(compose()) == nil {
			sent.Sent++
		}
	})
}

// Close ends the path.
func (o *Observer) Close() error {
	if o.path == nil {
		return nil
	}
	return o.path.Close()
}

// paced calls send rate times a second, and fills in what it knows of a.
func paced(ctx context.Context, start time.Duration, rate float64, duration time.Duration, a *Attacked, send func()) error {
	if !SleepUntil(ctx, start) {
		return context.Cause(ctx)
	}
	before, err := CPUTime()
	if err != nil {
		return err
	}
	p := NewPacer(start, rate, duration)
	for n, _, ok := p.Next(ctx); ok; n, _, ok = p.Next(ctx) {
		for range n {
			send()
		}
	}
	after, err := CPUTime()
	a.Offered, a.Skipped, a.CPU = p.Offered(), p.Skipped(), after-before
	return err
}
