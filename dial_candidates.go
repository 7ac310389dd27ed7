package intentra

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/resolve"
	"github.com/intentra/intentra/pipeline"
)

const (
	// mostNames limits the addresses in the target of a Dial.
	mostNames = 16
	// lookupTimeout bounds a lookup, which may hang. Known addresses are tried at the
	// same time.
	lookupTimeout = 30 * time.Second
)

// target is what a dial connects to.
type target struct {
	addr   string // "host:port", or several with commas between them
	as     conn.Identity
	failed error // of the latest attempts, nil if none has failed
}

func (d *target) names() []string { return strings.Split(d.addr, ",") }

// lookup is the state of the lookups that answer one NeedAddress. It belongs to the loop.
type lookup struct {
	t       *Transport
	p       *Peer
	number  uint64 // in the order of the peer's lookups
	names   int
	pending int // names that are not resolved yet
	failed  error
}

// resolve passes the addresses of the peer to the core, which has asked for them by
// NeedAddress: those that are given as numbers at once, and those of names as they are
// found, each name on a goroutine of its own. If the core has asked again by the time a
// result comes, the result is discarded: it may be that of an earlier dial with other
// names.
func (t *Transport) resolve(p *Peer) {
	p.lifecycle.lookups++
	p.lock.Lock()
	names := p.lifecycle.dial.names()
	p.lock.Unlock()
	l := &lookup{t: t, p: p, number: p.lifecycle.lookups, names: len(names)}
	local := t.LocalAddr().Addr()
	var known []netip.AddrPort
	names = slices.DeleteFunc(names, func(name string) bool {
		addr, ok := resolve.Literal(name, local)
		if ok {
			known = append(known, addr)
		}
		return ok
	})
	l.pending = len(names)
	if len(known) > 0 {
		t.core.AddAddresses(p.core, known, l.pending > 0, t.loop.batchNow)
	}
	for _, name := range names {
		go l.run(name, local)
	}
}

// run looks up a name.
func (l *lookup) run(name string, local netip.Addr) {
	ctx, cancel := context.WithTimeout(l.t.resolving, lookupTimeout)
	defer cancel()
	err := l.t.resolver(ctx, name, local, func(all []netip.AddrPort) {
		l.report(func(now pipeline.Time) { l.t.core.AddAddresses(l.p.core, all, true, now) })
	})
	l.report(func(now pipeline.Time) { l.resolved(name, err, now) })
}

// report calls f on the loop unless the lookup is an earlier one.
func (l *lookup) report(f func(now pipeline.Time)) {
	l.t.call(func(now pipeline.Time) {
		l.t.handleEvents() // among them may be a later NeedAddress
		if l.p.lifecycle.lookups == l.number {
			f(now)
		}
	})
}

// resolved notes that the lookup of a name has ended.
func (l *lookup) resolved(name string, err error, now pipeline.Time) {
	l.pending--
	if err != nil {
		if l.names > 1 {
			err = fmt.Errorf("%s: %w", name, err)
		}
		if l.failed != nil {
			err = fmt.Errorf("%w; %w", l.failed, err)
		}
		l.failed = err
	}
	switch {
	case l.pending > 0:
	case l.failed != nil:
		l.t.core.DialFailed(l.p.core, l.failed, now)
	default:
		l.t.core.AddAddresses(l.p.core, nil, false, now)
	}
}

// attemptFailed notes the error of attempts, which the calls of Dial return if their
// context ends.
func (p *Peer) attemptFailed(err error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.lifecycleLocked().dial.failed = err // the simulator dials without await
}

// dialError returns the error of the latest attempts.
func (p *Peer) dialError() error {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.lifecycle == nil {
		return nil
	}
	return p.lifecycle.dial.failed
}
