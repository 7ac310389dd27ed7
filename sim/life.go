package sim

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// clock is a node's own clock, as an offset from the world's.
type clock struct {
	ahead   pipeline.Time // when the drift began
	drift   int64         // in millionths
	from    pipeline.Time // of the world, when the drift began
	stopped bool          // while paused
	since   pipeline.Time
	leapt   pipeline.Time // when it last leapt, in its own time
	leaps   uint64        // how often it has leapt or stood still, over all processes
}

// mostDrift is the largest drift in millionths.
const mostDrift = 100_000

// at returns what the clock shows at a time of the world.
func (c *clock) at(w pipeline.Time) pipeline.Time {
	const million = 1_000_000
	d := int64(w - c.from)
	return w + c.ahead + pipeline.Time(d/million*c.drift+d%million*c.drift/million)
}

// when returns the first time of the world, not before now, at which the clock shows at.
func (c *clock) when(at, now pipeline.Time) pipeline.Time {
	w := max(at-c.ahead, now)
	if c.drift == 0 {
		return w
	}
	if c.at(now) >= at {
		return now
	}
	for w = now; c.at(w) < at; {
		w += max((at-c.at(w))/11*10, 1) // not beyond, at any drift
	}
	return w
}

// set has the clock show at now, and drift from there.
func (c *clock) set(at, now pipeline.Time) { c.ahead, c.from = at-now, now }

// SetDrift has the node's clock run faster than the world's by that many millionths, or
// slower if it is negative, from now on: at most a tenth. Crystals drift by up to 50, and
// the bound of [intentra.Peer.Clock] allows for 100. Further processes keep it.
func (n *Node) SetDrift(millionths int) {
	n.checked()
	n.clock.set(n.Now(), n.w.now)
	n.clock.since = n.w.now // if it is stopped
	n.clock.drift = int64(min(max(millionths, -mostDrift), mostDrift))
	n.wake()
}

// Running reports whether the node has a process, paused or not.
func (n *Node) Running() bool { return !n.checked().proc.ended }

// Close ends the process in good order: it notifies its peers. Queued messages
// are lost.
func (n *Node) Close() {
	n.checked()
	n.proc.do(func(d Driver, now pipeline.Time) {
		p := n.proc
		for more := true; more; {
			more = d.Close(wire.CloseShutdown, now)
			p.takeEvents()
			p.transmit(now)
		}
		p.flush(now)
		p.takeEvents()
		n.end(false)
	})
}

// Kill ends the process at once, without notifying anyone. Its state is lost.
func (n *Node) Kill() {
	n.checked()
	n.end(true)
}

func (n *Node) end(killed bool) {
	ended := n.proc.ended
	n.proc.ended = true
	n.proc.calls = nil
	n.proc.app.End(killed || ended)
	if a := n.proc.audit; a != nil && !killed && !ended {
		if err := a.tokens.ended(); err != nil {
			n.w.Fail(fmt.Errorf("tokens: %s: %w", n.name, err))
		}
	}
	n.w.turns.remove(n)
	n.paused = false
}

// Restart starts a new process with the same key, address and Config, and kills
// the previous one if it is running. The new process has randomness of its own,
// and dials no peer until Dial is called. The error is that of building the
// chains; the node is down then.
func (n *Node) Restart() error {
	n.checked()
	n.Kill()
	return n.start()
}

func (n *Node) start() error {
	n.lives++
	n.clock, n.wishes = clock{drift: n.clock.drift, from: n.w.now, leaps: n.clock.leaps}, nil
	p := &process{n: n}
	cfg := n.cfg
	if cfg.Rand == nil {
		cfg.Rand = n.w.stream("node", n.name, fmt.Sprint(n.lives))
	}
	cfg.Deliver = p.deliver
	cfg.Room = p.room
	cfg.GivenUp = p.givenUp
	cfg.Touched = func(*conn.Peer) {}
	if n.w.audit != nil {
		n.w.audit.watch(p, &cfg)
	}
	driver, ep, err := n.w.open(n, cfg)
	if err != nil {
		if n.proc == nil {
			return fmt.Errorf("sim: %w", err)
		}
		return fmt.Errorf("sim: restarting %s: %w", n.name, err)
	}
	p.driver, p.ep = driver, ep
	p.openApplication(cfg)
	if n.w.audit != nil {
		n.w.audit.started(p)
	}
	if n.proc != nil {
		n.retire()
	}
	n.proc = p
	return nil
}

// Pause stops the process, as SIGSTOP does: datagrams that arrive are lost and no
// timer runs. Its clock advances, so that after Resume everything that was due is
// late.
func (n *Node) Pause() { n.checked().pause(false) }

// Suspend is Pause with the node's clock stopped, as the monotonic clock of a
// sleeping Linux machine: after Resume the node does not notice how long its
// peers have waited.
func (n *Node) Suspend() { n.checked().pause(true) }

func (n *Node) pause(clockToo bool) {
	if n.paused || !n.Running() {
		return
	}
	n.paused = true
	n.clock.stopped, n.clock.since = clockToo, n.w.now
	n.w.turns.remove(n)
}

// Resume ends Pause or Suspend.
func (n *Node) Resume() {
	n.checked()
	if !n.paused {
		return
	}
	n.paused = false
	if n.clock.stopped {
		n.clock.leaps++
		n.clock.set(n.clock.at(n.clock.since), n.w.now)
	}
	n.clock.leapt = n.clock.at(n.w.now)
	n.wake()
}

// JumpClock advances the node's clock, at most to 146 years. Clocks never go
// back: a negative d has no effect.
func (n *Node) JumpClock(d time.Duration) {
	n.checked()
	n.clock.leaps++
	n.clock.ahead += min(pipeline.Time(max(d, 0)), horizon-n.Now())
	n.clock.leapt = n.clock.at(n.w.now)
	n.wake()
}

// Now returns the time on the node's own clock.
func (n *Node) Now() pipeline.Time {
	n.checked()
	if n.paused && n.clock.stopped {
		return n.clock.at(n.clock.since)
	}
	return n.clock.at(n.w.now)
}

// Rebind gives the node another address, as when a peer roams or its NAT mapping
// changes. It sends and receives there from now on; datagrams for the old address
// are lost, unless another node takes that address. Names resolve to the new one;
// for a NAT in front of a listener see SetAddress. Of a node with several addresses
// Rebind changes the first one, and the port of all. Rebind fails if another node has
// the address.
func (n *Node) Rebind(addr netip.AddrPort) error {
	n.checked()
	addr = unmapped(addr)
	if other := n.w.byAddr[addr]; other != nil && other != n || !addr.IsValid() {
		return fmt.Errorf("%w: %s cannot have the address %v", intentra.ErrConfig, n.name, addr)
	}
	return n.move(addr)
}
