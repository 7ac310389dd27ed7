package conn

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/intentra/intentra/pipeline"
)

// search is the state of a dial that is not connected, or whose session is silent. It
// is a sequence of rounds; each tries all known addresses of the peer. The attempts of a
// round overlap (RFC 8305): the next one starts when no earlier one is left, or
// attemptDelay after the one before.
//
// A round does not wait for the driver to resolve the name. It begins with the last
// address that worked and those of earlier answers, and takes up others as they come.
type search struct {
	worked   netip.AddrPort   // the last address that worked, if any
	known    []netip.AddrPort // of the latest answers
	partial  bool             // known will grow
	resting  bool             // between two rounds
	failures int              // rounds

	// The current round.
	seen     []netip.AddrPort // all of its addresses, at most maxAddresses
	left     []netip.AddrPort // those still to be tried
	attempts []*attempt
	six      bool          // the latest attempt is to an IPv6 address
	nextAt   pipeline.Time // of the next attempt, while there are others
	failed   error         // of the attempts that have failed, and of the lookup
}

// add adds addresses to the round.
func (r *search) add(all ...netip.AddrPort) {
	for _, a := range all {
		a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
		if a.IsValid() && len(r.seen) < maxAddresses && !slices.Contains(r.seen, a) {
			r.seen = append(r.seen, a)
			r.left = append(r.left, a)
		}
	}
}

// pick removes the address to try next from left: the first one of the other family
// than the one before, "interleaving address families" (RFC 8305 section 4), or the
// first one.
func (r *search) pick() netip.AddrPort {
	i := slices.IndexFunc(r.left, func(a netip.AddrPort) bool { return a.Addr().Is6() != r.six })
	if i < 0 || len(r.seen) == len(r.left) {
		i = 0
	}
	a := r.left[i]
	r.left = slices.Delete(r.left, i, i+1)
	r.six = a.Addr().Is6()
	return a
}

// fail notes an error of the round. addr is the zero AddrPort for a lookup.
func (r *search) fail(addr netip.AddrPort, err error) {
	if addr.IsValid() && len(r.seen) > 1 {
		err = fmt.Errorf("%v: %w", addr, err)
	}
	if r.failed != nil {
		err = fmt.Errorf("%w; %w", r.failed, err)
	}
	r.failed = err
}

// answered reports whether an address has answered with message 2. The others wait
// until it has failed: with two handshakes the peer would replace one session by the
// other.
func (r *search) answered() bool {
	return slices.ContainsFunc(r.attempts, func(a *attempt) bool { return a.final != nil || a.before != nil })
}

// beginRound starts a round, and asks the driver for addresses unless it still owes an
// answer.
func (e *Endpoint) beginRound(d *dial, now pipeline.Time) {
	r := d.search
	r.resting, r.seen, r.left, r.failed, r.six = false, nil, nil, nil, false
	if r.worked.IsValid() {
		r.add(r.worked)
	}
	r.add(r.known...)
	if !d.asking {
		d.asking, r.partial = true, false
		e.emit(Event{Kind: NeedAddress, Peer: d.peer})
	}
	e.advance(d, now)
}

// advance starts the attempts that are due, and ends the round if none is left.
func (e *Endpoint) advance(d *dial, now pipeline.Time) {
	r := d.search
	for len(r.left) > 0 && !r.answered() {
		if len(r.attempts) > 0 && now < r.nextAt {
			e.timers.arm(&d.timer, r.nextAt)
			return
		}
		if addr := r.pick(); e.startAttempt(d, addr, now) == nil {
			r.fail(addr, ErrTooManyPeers)
		}
		r.nextAt = later(now, attemptDelay)
	}
	if len(r.attempts) > 0 {
		return
	}
	// A first dial that ends with its round waits for all addresses. Any other tries
	// the known ones again, so that a lookup that hangs does not hold it up.
	if !d.asking || (d.up || e.cfg.RetryDial) && len(r.seen) > 0 {
		e.roundFailed(d, now)
	}
}

// reachable delays the attempts to other addresses once: an address has sent a cookie,
// so it is reachable and perhaps busy, and the others may be those of the same
// responder.
func (a *attempt) reachable(now pipeline.Time) {
	if r := a.dial.search; !a.reached && r != nil {
		a.reached = true
		r.nextAt = max(r.nextAt, later(now, reachableDelay))
	}
}

// setAside ends the other attempts of the round, because a has been answered. Their
// addresses are tried if a fails after all.
func (e *Endpoint) setAside(a *attempt) {
	r := a.dial.search
	for _, other := range slices.Clone(r.attempts) {
		if other != a {
			r.left = append(r.left, other.addr)
			e.dropAttempt(other)
		}
	}
}

// remove removes an attempt from the round.
func (d *dial) remove(a *attempt) {
	r := d.search
	if i := slices.Index(r.attempts, a); i >= 0 {
		r.attempts = slices.Delete(r.attempts, i, i+1)
	}
}

// endSearch ends all attempts.
func (e *Endpoint) endSearch(d *dial) {
	e.timers.Remove(&d.timer)
	if d.search == nil {
		return
	}
	for _, a := range slices.Clone(d.search.attempts) {
		e.dropAttempt(a)
	}
	d.search = nil
}

// rest begins the next round after the delay, give or take a fifth.
func (e *Endpoint) rest(d *dial, delay time.Duration, now pipeline.Time) {
	d.search.resting = true
	e.timers.arm(&d.timer, later(now, e.jitter(delay)))
}

func (d *dial) timeout(e *Endpoint, now pipeline.Time) {
	switch r := d.search; {
	case d.ended || r == nil:
	case r.resting:
		e.beginRound(d, now)
	default:
		e.advance(d, now)
	}
}

// AddAddresses answers the latest [NeedAddress] of the peer with addresses, which are
// tried in their order, the families alternating, at most 16 in total. With more, other
// answers follow; the last one is without it, or DialFailed. The addresses are tried as
// they come. The endpoint cannot tell which NeedAddress is answered, so the driver must
// drop late answers to an earlier one, which may belong to another dial.
func (e *Endpoint) AddAddresses(p *Peer, addrs []netip.AddrPort, more bool, now pipeline.Time) {
	e.checked()
	p.checked()
	d := p.dial
	if d == nil || !d.asking {
		return
	}
	d.asking = more
	r := d.search
	if r == nil {
		return // connected
	}
	if !r.partial {
		r.known = nil
	}
	r.partial = more
	r.known = append(r.known, addrs[:min(len(addrs), maxAddresses-len(r.known))]...)
	if !r.resting {
		r.add(addrs...)
		e.advance(d, now)
	}
}

// SetAddress is AddAddresses with one address, after which no more come.
func (e *Endpoint) SetAddress(p *Peer, addr netip.AddrPort, now pipeline.Time) {
	e.AddAddresses(p, []netip.AddrPort{addr}, false, now)
}

// DialFailed ends the answer to the latest [NeedAddress] of the peer: no more addresses
// come, because of err, which must not be nil.
func (e *Endpoint) DialFailed(p *Peer, err error, now pipeline.Time) {
	e.checked()
	p.checked()
	if err == nil {
		panic("conn: DialFailed needs an error")
	}
	d := p.dial
	if d == nil || !d.asking {
		return
	}
	d.asking = false
	if r := d.search; r != nil {
		r.partial = false
		if !r.resting {
			e.count(DialTimedOut)
			r.fail(netip.AddrPort{}, err)
			e.advance(d, now)
		}
	}
}
