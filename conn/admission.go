package conn

import (
	"net/netip"

	"github.com/intentra/intentra/internal/fair"
	"github.com/intentra/intentra/pipeline"
)

// Which handshakes we answer. Each of these limits is fair by address (an IPv4
// address or an IPv6 /64; see source), and none lets state grow with the number
// of addresses:
//
//   - MaxHandshakesPerAddress in flight from one; see displace for what becomes
//     of a further one;
//   - HandshakeRate begun in a second, for which addresses take turns: one that
//     has had less goes first, and one alone may have all of it (fair.Limiter);
//   - MaxHandshakes in flight in all. When there are as many, a newcomer takes
//     the place of the oldest from an address that holds the most, if that is
//     more than its own address holds.

// admit applies the limits to a new handshake.
func (e *Endpoint) admit(p *pipeline.Packet) (Outcome, bool) {
	// The worker is behind, most likely in Authorize: what it still has of
	// handshakes that are over counts, else each eviction would leave some.
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

// displace makes room for a further handshake of an address that holds as many
// as it may: one of its own, drawn by lot, gives way if it is old enough. To
// refuse the newcomer would let whoever sends in an address's name, or lives
// behind it, keep it out with a few packets in five seconds.
//
// How old is enough is drawn, too, from nothing to yieldAge. So those that are
// not completed at once, as a genuine one is, give way first, yet none can hold
// its slot, or tell when it is to be had.
func (e *Endpoint) displace(src netip.Addr, now pipeline.Time) (Outcome, bool) {
	seat, ok1 := e.lot(uint32(e.halves.held(src)))
	enough, ok2 := e.lot(uint32(yieldAge))
	if !ok1 || !ok2 {
		return HandshakeAddress, false
	}
	half := e.halves.holders.at(src, int(seat))
	// One that the worker has, or is about to have, is not idle: on a busy machine
	// a crowd behind one address would only push each other out.
	if now-half.began <= pipeline.Time(enough) || half.busy || len(half.finals.waiting) > 0 {
		return HandshakeAddress, false
	}
	e.dropHalf(half, HandshakeEvicted)
	return 0, true
}

// takeAdmission takes from the budget of the worker's time what one handshake
// costs. It is asked for after all that costs nothing.
func (e *Endpoint) takeAdmission(p *pipeline.Packet) (Outcome, bool) {
	switch e.admission.Take(p.Now, p.Addr.Addr()) {
	case fair.Empty:
		return HandshakeRate, false
	case fair.Share:
		return HandshakeAddress, false
	}
	return 0, true
}
