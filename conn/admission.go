package conn

import (
	"net/netip"
	"time"

	"github.com/intentra/intentra/internal/fair"
	"github.com/intentra/intentra/pipeline"
)

// A handshake begins when it has a token and a slot. Without them it waits (see waiting),
// and its dialer is notified.
//
//   - HandshakeRate tokens a second bound the worker's time. Addresses (an IPv4 address
//     or an IPv6 /64; see source) share them fairly: one that has used less of them goes
//     first, and a single one may use all of them (fair.Limiter).
//   - MaxHandshakes slots bound the memory. One is held for a round trip by a dialer that
//     goes on, and for HandshakeTimeout by one that does not. With the defaults there are
//     enough of them for all that the rate admits in that time.
//   - MaxHandshakesPerAddress of the slots may be held by one address.
//
// A handshake that makes progress keeps its slot: one that the worker has or will have
// next, and one that is younger than a few round trips of its address (see patience). At
// a limit the oldest of the others is evicted for another of the same address. If all
// slots are held, a newcomer of an address that holds fewer takes the oldest slot of the
// address that holds the most, however young that is, if the worker does not have it.

// admit decides about a new handshake whose cookie is valid: it begins, it waits, or
// it is refused for the given reason.
func (e *Endpoint) admit(p *pipeline.Packet, key initKey) (Outcome, bool) {
	var o Outcome
	src := source(key.addr)
	switch {
	// Those of its address that came before it go first, and all that came before it if
	// there were no tokens for them.
	case e.waiting.lines.count(src) > 0:
		o = HandshakeAddress
	case e.waiting.starved:
		o = HandshakeRate
	default:
		var ok bool
		if o, ok = e.mayBegin(src, p.Now); ok {
			if !e.answer(key, p.Local, p.Now) {
				return HandshakeTable, false
			}
			return 0, true
		}
		e.waiting.starved = o == HandshakeRate
	}
	ok := e.await(key, p.Local, p.Now)
	e.set.Cookie.Wait(p)
	return o, ok
}

// mayBegin reports whether a handshake from the address may begin, and takes the
// token and the slot for it; otherwise it returns the limit that is reached.
func (e *Endpoint) mayBegin(src netip.Addr, now pipeline.Time) (Outcome, bool) {
	// The worker is late, most likely in Authorize. Ended handshakes whose job it
	// still has count as well, or each eviction would add one.
	if e.halves.orphans >= e.cfg.MaxHandshakes {
		return HandshakeTable, false
	}
	victim, o, ok := e.slot(src, now)
	if !ok {
		return o, false
	}
	switch e.admission.Take(now, src) {
	case fair.Empty:
		return HandshakeRate, false
	case fair.Share:
		return HandshakeAddress, false
	}
	if victim != nil {
		e.dropHalf(victim, HandshakeEvicted)
	}
	return 0, true
}

// slot reports whether there is a slot for a handshake from the address, and which one
// is to be evicted for it, if any; otherwise it returns the limit that is reached.
func (e *Endpoint) slot(src netip.Addr, now pipeline.Time) (victim *halfOpen, o Outcome, ok bool) {
	own := e.halves.holders.byAddr[src]
	held := e.halves.held(src)
	switch {
	case held >= e.cfg.MaxHandshakesPerAddress:
		o = HandshakeAddress
	case e.halves.len() < e.slots():
		return nil, 0, true
	default:
		if victim = e.halves.victim(held); victim != nil {
			return victim, 0, true
		}
		o = HandshakeTable
	}
	if own != nil {
		victim = oldestIdle(own)
	}
	if victim == nil || now < later(victim.since, patience(own)) {
		return nil, o, false
	}
	return victim, 0, true
}

// slots returns how many handshakes may be in flight: MaxHandshakes, or as many fewer
// as keep the worker busy for workAhead. If it is slow, most likely in Authorize,
// more of them would only time out while they wait for it.
func (e *Endpoint) slots() int {
	if e.worker.each <= 0 {
		return e.cfg.MaxHandshakes
	}
	return min(e.cfg.MaxHandshakes, max(int(workAhead/e.worker.each), leastSlots))
}

// patience returns how long the handshakes of an address are kept that do not go on.
// It follows the slowest of the latest ones that went on, from message 2 to the session.
// Only handshakes of allowed keys count.
func patience(h *holder[*halfOpen]) time.Duration {
	if h.trip == 0 {
		return mostPatience
	}
	return min(max(3*h.trip, leastPatience), mostPatience)
}

// wentOn notes how long a completed handshake of the address took from message 2 on.
func (h *holder[T]) wentOn(took time.Duration) {
	h.trip = max(took, h.trip-(h.trip-took)/8)
}

// takeAdmission takes one handshake from the rate limit, which bounds the worker's
// time. Checks that cost nothing come before it.
func (e *Endpoint) takeAdmission(p *pipeline.Packet) bool {
	return e.admission.Take(p.Now, p.Addr.Addr()) == fair.Granted
}
