package sim

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
)

// ErrStuck is returned when a handshake takes longer than HandshakeTimeout, a
// rekey longer than it may, or a node that dials has stopped trying.
var ErrStuck = errors.New("does not end")

// redialWithin is the time that may pass between two attempts, in addition to the
// time that one may last: more than the longest pause with its jitter.
const redialWithin = 5 * time.Second

// handshakes checks the nodes that had a turn in this step, so that nothing that
// is due is left to do.
func handshakes(w *World) error {
	for _, n := range w.stepped {
		if n.turn != w.steps || n.proc.ended {
			continue
		}
		s, now := n.proc.ep.Stats(), n.Now()
		timeout := pipeline.Time(n.cfg.HandshakeTimeout)
		recent := n.proc.audit.admitted.since(now-timeout, now, s.Handshakes[conn.HandshakeStarted])
		if uint64(s.HandshakesInFlight) > recent {
			return fmt.Errorf("%w: %s answers %d handshakes, of which %d have begun within %v",
				ErrStuck, n.name, s.HandshakesInFlight, recent, n.cfg.HandshakeTimeout)
		}
		if err := n.proc.audit.dialling.check(n, now); err != nil {
			return err
		}
		if err := n.proc.audit.rekeying.check(n, now); err != nil {
			return err
		}
	}
	return nil
}

// admitted records how many handshakes had begun at which times.
type admitted struct{ log []admission }

type admission struct {
	at      pipeline.Time
	started uint64
}

// since returns how many of the handshakes so far began after at.
func (a *admitted) since(at, now pipeline.Time, started uint64) uint64 {
	if n := len(a.log); started > 0 && (n == 0 || a.log[n-1].started < started) {
		a.log = append(a.log, admission{now, started})
	}
	for len(a.log) > 1 && a.log[1].at <= at {
		a.log = a.log[1:]
	}
	if len(a.log) == 0 || a.log[0].at > at {
		return started
	}
	return started - a.log[0].started
}

// dialling lists the peers that a node dials and is not connected with, and the
// time of their last event, the oldest first.
type dialling struct {
	list []dialled
	// resolved are the addresses of each peer when they were last asked for.
	resolved map[intentra.PublicKey][]netip.AddrPort
}

type dialled struct {
	key   intentra.PublicKey
	since pipeline.Time
	// addresses is how many are tried in turn before the node asks for addresses again.
	addresses int
}

func (d *dialling) happened(n *Node, ev Event) {
	d.list = slices.DeleteFunc(d.list, func(x dialled) bool { return x.key == ev.Peer })
	switch ev.Kind {
	case conn.NeedAddress:
		d.list = append(d.list, dialled{ev.Peer, n.Now(), d.resolve(n, ev.Peer)})
	case conn.PeerDown:
		d.list = append(d.list, dialled{ev.Peer, n.Now(), 1})
	}
}

// resolve returns how many addresses a round of attempts has that begins now: those of the
// last answer and those of the next one.
func (d *dialling) resolve(n *Node, key intentra.PublicKey) int {
	next := n.resolve(key)
	all := slices.Clone(next)
	for _, a := range d.resolved[key] {
		if !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	if d.resolved == nil {
		d.resolved = make(map[intentra.PublicKey][]netip.AddrPort)
	}
	d.resolved[key] = next
	return max(len(all), 1)
}

func (d *dialling) check(n *Node, now pipeline.Time) error {
	last := pipeline.Time(conn.WaitLimit * n.cfg.HandshakeTimeout)
	for i := 0; i < len(d.list); {
		x := d.list[i]
		// After a leap of the node's clock what was due is late.
		since := max(x.since, n.clock.leapt) + pipeline.Time(redialWithin)
		if since+last >= now {
			return nil // nor are the later ones
		}
		switch p := n.proc.ep.Peer(x.key); {
		case p == nil || !p.Dialled() || p.Connected():
			d.list = slices.Delete(d.list, i, i+1)
		case since+pipeline.Time(max(x.addresses, len(n.resolve(x.key))))*last >= now: // the answer may be late
			i++ // each of its addresses may have answered, and not confirmed
		default:
			return fmt.Errorf("%w: %s has not dialled %s for %v", ErrStuck, n.name, n.w.nameOf(x.key), time.Duration(now-x.since))
		}
	}
	return nil
}

// A rekey takes at most rekeyWithin. If its outcome is unknown then, the next
// packet decides it, or it ends with the session after Config.IdleTimeout.
const (
	rekeyWithin = 7 * time.Second
	rekeyLook   = pipeline.Time(time.Second) // between two checks, each of which visits all sessions
)

// rekeying is when a node's rekeys are checked next.
type rekeying struct{ next pipeline.Time }

func (r *rekeying) check(n *Node, now pipeline.Time) error {
	if now < r.next {
		return nil
	}
	r.next = now + rekeyLook
	began, ok := n.proc.ep.OldestRekey()
	limit := pipeline.Time(rekeyWithin + n.cfg.IdleTimeout)
	// After a leap of the node's clock what was due is late.
	if !ok || max(began, n.clock.leapt) >= now-limit {
		return nil
	}
	return fmt.Errorf("%w: %s has a rekey under way for %v", ErrStuck, n.name, time.Duration(now-began))
}

// nameOf returns the name of the node with the key.
func (w *World) nameOf(key intentra.PublicKey) string {
	if n := w.byKey[key]; n != nil {
		return n.name
	}
	return fmt.Sprintf("%x", key[:4])
}
