package intentra

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
)

// candidates are the addresses of one dial, which are tried in turn: those that each
// name in the target has now, one name after the other.
type candidates struct {
	target string // "host:port", or several with commas between them
	as     conn.Identity
	at     int     // the name to be resolved next
	trying *trying // nil between dials
}

// trying is the state of a dial in progress. It has an allocation of its own, so that a
// connected peer does without.
type trying struct {
	left   []netip.AddrPort // not yet tried, of the name before
	failed error            // of the attempts so far
}

// progress returns the state of the dial, and creates it on the first call.
func (c *candidates) progress() *trying {
	if c.trying == nil {
		c.trying = new(trying)
	}
	return c.trying
}

// names returns the addresses in the target.
func (c *candidates) names() []string { return strings.Split(c.target, ",") }

// next returns the address to try next, or the name to resolve for it.
func (c *candidates) next() (addr netip.AddrPort, name string) {
	if now := c.trying; now != nil && len(now.left) > 0 {
		addr, now.left = now.left[0], now.left[1:]
		return addr, ""
	}
	names := c.names()
	name = names[c.at%len(names)]
	c.at++
	return addr, name
}

// fail notes that an attempt has failed, and reports whether all addresses have been
// tried.
func (c *candidates) fail(err error) (all bool) {
	names := c.names()
	if len(names) > 1 && c.at > 0 {
		err = fmt.Errorf("%s: %w", names[(c.at-1)%len(names)], err)
	}
	now := c.progress()
	if now.failed != nil && c.at > 1 && c.at <= len(names) {
		err = fmt.Errorf("%w; %w", now.failed, err)
	}
	now.failed = err
	return len(now.left) == 0 && c.at >= len(names)
}

// resolve passes the next address of the peer to the core, which has asked for it by
// NeedAddress. A name is looked up on a goroutine of its own. If the core has asked
// again by the time the result comes, the result is discarded: it may be that of an
// earlier dial with another name.
func (t *Transport) resolve(p *Peer) {
	p.lifecycle.lookups++
	lookup := p.lifecycle.lookups
	p.lock.Lock()
	addr, name := p.lifecycle.dial.next()
	p.lock.Unlock()
	if name == "" {
		t.core.SetAddress(p.core, addr, t.loop.batchNow)
		return
	}
	go func() {
		found, err := t.resolver(t.resolving, name, t.LocalAddr().Addr())
		t.call(func(now pipeline.Time) {
			t.handleEvents() // among them may be a later NeedAddress
			if p.lifecycle.lookups != lookup {
				return
			}
			if err != nil {
				t.core.DialFailed(p.core, err, now)
				return
			}
			p.lock.Lock()
			p.lifecycle.dial.progress().left = found[1:]
			p.lock.Unlock()
			t.core.SetAddress(p.core, found[0], now)
		})
	}()
}

// attemptFailed notes the error of an attempt, which the calls of Dial return if their
// context ends.
func (p *Peer) attemptFailed(err error) (all bool) {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.lifecycleLocked().dial.fail(err) // the simulator dials without await
}

// dialError returns the errors of the failed attempts.
func (p *Peer) dialError() error {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.lifecycleLocked().dial.progress().failed
}

// dialNext dials the next address after an attempt that ended the dial, and reports
// whether there is one.
func (t *Transport) dialNext(p *Peer, err error) bool {
	if p.attemptFailed(err) || !p.awaited() || p.core.Connected() || p.core.Dialled() {
		return false
	}
	p.lock.Lock()
	as := p.lifecycle.dial.as
	p.lock.Unlock()
	_, err = t.core.DialAs(as, p.Key(), t.loop.batchNow)
	return err == nil
}
