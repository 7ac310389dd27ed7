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
	ahead   pipeline.Time
	stopped bool // while paused
	since   pipeline.Time
	leapt   pipeline.Time // when it last leapt, in its own time
}

// Running reports whether the node has a process, paused or not.
func (n *Node) Running() bool { return !n.proc.ended }

// Close ends the process in good order: it notifies its peers. Queued messages
// are lost.
func (n *Node) Close() {
	n.proc.do(func(d Driver, now pipeline.Time) {
		p := n.proc
		for more := true; more; {
			more = d.Close(wire.CloseShutdown, now)
			p.takeEvents()
			p.transmit()
		}
		p.flush(now)
		p.takeEvents()
		n.Kill()
	})
}

// Kill ends the process at once, without notifying anyone. Its state is lost.
func (n *Node) Kill() {
	n.proc.ended = true
	n.proc.calls = nil
	n.proc.app.End()
	n.w.turns.remove(n)
	n.paused = false
}

// Restart starts a new process with the same key, address and Config, and kills
// the previous one if it is running. The new process has randomness of its own,
// and dials no peer until Dial is called. The error is that of building the
// chains; the node is down then.
func (n *Node) Restart() error {
	n.Kill()
	return n.start()
}

func (n *Node) start() error {
	n.lives++
	n.clock, n.wishes = clock{}, nil
	p := &process{n: n}
	cfg := n.cfg
	if cfg.Rand == nil {
		cfg.Rand = n.w.stream("node", n.name, fmt.Sprint(n.lives))
	}
	cfg.Deliver = p.deliver
	cfg.Room = p.room
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
func (n *Node) Pause() { n.pause(false) }

// Suspend is Pause with the node's clock stopped, as the monotonic clock of a
// sleeping Linux machine: after Resume the node does not notice how long its
// peers have waited.
func (n *Node) Suspend() { n.pause(true) }

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
	if !n.paused {
		return
	}
	n.paused = false
	if n.clock.stopped {
		n.clock.ahead -= n.w.now - n.clock.since
	}
	n.clock.leapt = n.w.now + n.clock.ahead
	n.wake()
}

// JumpClock advances the node's clock, at most to 146 years. Clocks never go
// back: a negative d has no effect.
func (n *Node) JumpClock(d time.Duration) {
	n.clock.ahead += min(pipeline.Time(max(d, 0)), horizon-n.Now())
	n.clock.leapt = n.w.now + n.clock.ahead
	n.wake()
}

// Now returns the time on the node's own clock.
func (n *Node) Now() pipeline.Time {
	if n.paused && n.clock.stopped {
		return n.clock.since + n.clock.ahead
	}
	return n.w.now + n.clock.ahead
}

// Rebind gives the node another address, as when a peer roams or its NAT mapping
// changes. It sends and receives there from now on; datagrams for the old address
// are lost, unless another node takes that address. Names resolve to the new one;
// for a NAT in front of a listener see SetAddress. Rebind fails if another node
// has the address.
func (n *Node) Rebind(addr netip.AddrPort) error {
	addr = unmapped(addr)
	if other := n.w.byAddr[addr]; other != nil && other != n || !addr.IsValid() {
		return fmt.Errorf("%w: %s cannot have the address %v", intentra.ErrConfig, n.name, addr)
	}
	delete(n.w.byAddr, n.addr)
	n.addr = addr
	n.w.byAddr[addr] = n
	return nil
}
