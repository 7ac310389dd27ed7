package load

import (
	"context"
	"errors"
	"net/netip"
	"time"
)

// errNothingCaptured is returned when there is no datagram to replay or modify.
var errNothingCaptured = errors.New("no datagram of the peer was captured")

// Observer is the service of a child on the path between a peer and its parent.
type Observer struct {
	ctx  context.Context
	path *Forwarder
}

// Injection says what an Observer sends in the peer's name.
type Injection struct {
	// Replay sends copies of genuine datagrams instead of forged ones.
	Replay   bool
	Rate     float64       // datagrams per second
	Start    time.Duration // a time of Now
	Duration time.Duration
}

// Attacked is what an attacker has sent.
type Attacked struct {
	// Offered packets fell due. Skipped of them were too late to be sent.
	Offered uint64 `json:"offered"`
	Skipped uint64 `json:"skipped"`
	// Sent packets were accepted by the kernel: datagrams of a flood, or first
	// messages of handshakes.
	Sent uint64 `json:"sent"`
	// CPU is the time that the process used in that time.
	CPU time.Duration `json:"cpu_ns"`

	// Of a flood of handshakes: how many presented a cookie, how many received
	// and answered message 2, and how many the endpoint confirmed.
	Proved    uint64 `json:"proved"`
	Finals    uint64 `json:"finals"`
	Confirmed uint64 `json:"confirmed"`
}

// Forward opens the path, once, and returns the address for the peer to dial.
func (o *Observer) Forward(to netip.AddrPort, addr *netip.AddrPort) (err error) {
	if o.path, err = OpenForwarder(to); err != nil {
		return err
	}
	*addr = o.path.Addr()
	return nil
}

// Inject floods the endpoint, and returns when the flood is over.
func (o *Observer) Inject(i Injection, sent *Attacked) error {
	f := newFlood(o.path)
	compose := f.forged
	if i.Replay {
		compose = f.replayed
	}
	if len(compose()) == 0 {
		return errNothingCaptured
	}
	return sent.flood(o.ctx, NewPacer(i.Start, i.Rate, i.Duration), func() {
		if o.path.Inject(compose()) == nil {
			sent.Sent++
		}
	})
}

// Close closes the path.
func (o *Observer) Close() error {
	if o.path == nil {
		return nil
	}
	return o.path.Close()
}

// flood calls send for each packet of p, and sets Offered, Skipped and CPU.
func (a *Attacked) flood(ctx context.Context, p *Pacer, send func()) (err error) {
	a.CPU, err = cpuOf(ctx, p, func(n int, _ time.Duration) {
		for range n {
			send()
		}
	})
	a.Offered, a.Skipped = p.Offered(), p.Skipped()
	return err
}
