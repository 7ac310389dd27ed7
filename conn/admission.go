package conn

import (
	"net/netip"

	"github.com/intentra/intentra/internal/fair"
	"github.com/intentra/intentra/pipeline"
)

// Three limits decide which handshakes are answered. Each is shared fairly
// between addresses (an IPv4 address or an IPv6 /64; see source), and none needs
// state that grows with the number of addresses:
//
//   - MaxHandshakesPerAddress in flight from one address; displace handles the
//     next one.
//   - HandshakeRate begun each second. An address that has used less of it goes
//     first, and a single address may use all of it (fair.Limiter).
//   - MaxHandshakes in flight altogether. At the limit, a newcomer replaces the
//     oldest handshake of the address that holds the most, if that is more than
//     the newcomer's own address holds.

// admit applies the limits to a new handshake.
func (e *Endpoint) admit(p *pipeline.Packet) (Outcome, bool) {
	// The worker is late, most likely in Authorize. Ended handshakes whose job it
	// still has count as well, or each eviction would add one.
	if e.halves.orphans >= e.cfg.MaxHandshakes {
		return HandshakeTable, false
	}
	src := source(p.Addr)
	held := e.halves.held(src)
	if o, ok := e.takeAdmission(p); !ok {
		return o, false
	}
	if held >= e.cfg.MaxHandshakesPerAddress {
		return e.displace(src, p.Now)
	}
	if e.halves.len() < e.cfg.MaxHandshakes {
		return 0, true
	}
	victim := e.halves.victim(held)
	if victim == nil {
		return HandshakeTable, false
	}
	e.dropHalf(victim, HandshakeEvicted)
	return 0, true
}

// displace makes room for another handshake of an address that is at its limit:
// one of the address's own, chosen at random, is evicted if it is old enough. If
// the newcomer were refused, an attacker that spoofs the address or shares it
// could lock its owner out with a few packets every five seconds.
//
// The required age is chosen at random as well, from zero to yieldAge. So
// handshakes that do not complete at once, as genuine ones do, are evicted first,
// and no attacker can hold a slot or predict when one becomes free.
func (e *Endpoint) displace(src netip.Addr, now pipeline.Time) (Outcome, bool) {
	seat, ok1 := e.lot(uint32(e.halves.held(src)))
	enough, ok2 := e.lot(uint32(yieldAge))
	if !ok1 || !ok2 {
		return HandshakeAddress, false
	}
	half := e.halves.holders.at(src, int(seat))
	// A handshake that the worker has or will have next is kept: on a busy machine
	// many peers behind one address would only evict each other.
	if now-half.began <= pipeline.Time(enough) || half.busy || len(half.finals.waiting) > 0 {
		return HandshakeAddress, false
	}
	e.dropHalf(half, HandshakeEvicted)
	return 0, true
}

// takeAdmission takes one handshake from the rate limit, which bounds the worker's
// time. Checks that cost nothing come before it.
func (e *Endpoint) takeAdmission(p *pipeline.Packet) (Outcome, bool) {
	switch e.admission.Take(p.Now, p.Addr.Addr()) {
	case fair.Empty:
		return HandshakeRate, false
	case fair.Share:
		return HandshakeAddress, false
	}
	return 0, true
}
