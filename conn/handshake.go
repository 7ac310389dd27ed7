package conn

import (
	"net/netip"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/header"
	"github.com/intentra/intentra/wire"
)

// pendingHandshake is what a receiver index stands for before it is an epoch.
type pendingHandshake struct {
	half    *halfOpen // we answer
	attempt *attempt  // we dial
}

// prologue binds what is not inside a Noise payload: label, version, suite and
// the dialer's index (Noise specification, revision 34, section 6).
func prologue(suite wire.Suite, dialerIndex uint32) []byte {
	b := append([]byte("intentra handshake"), wire.Version, byte(suite))
	return append(b, byte(dialerIndex>>24), byte(dialerIndex>>16), byte(dialerIndex>>8), byte(dialerIndex))
}

// hello returns what we announce, with the index by which to address us.
func (e *Endpoint) hello(index uint32) wire.Hello {
	return wire.Hello{
		Index: index, Rate: uint32(e.cfg.PeerRate), Burst: uint32(e.cfg.PeerBurst), MaxDatagram: uint16(e.cfg.MaxDatagram),
	}
}

// handleHandshake takes a handshake packet from header parse. What comes to
// nothing is a drop there, and its cause an Outcome in Stats.
func (e *Endpoint) handleHandshake(p *pipeline.Packet, h wire.Header) pipeline.Verdict {
	o, taken := Outcome(0), false
	switch h.Type {
	case wire.TypeInit:
		o, taken = e.handleInit(p, h)
	case wire.TypeResponse:
		o, taken = e.handleResponse(p, h)
	case wire.TypeFinal:
		o, taken = e.handleFinal(p, h)
	case wire.TypeCookie:
		o, taken = e.handleCookie(p, h)
	}
	if taken {
		return pipeline.Consumed
	}
	e.count(o)
	return header.DropHandshake
}

// expected reports whether a handshake of ours waits for such a packet from just
// this address and port. Those are not charged to the address, in whose name
// anybody may send: to reach here he would have to guess the receiver index and
// the port, or see them on the wire. What they cost without a rate is bounded
// here: of each handshake four candidates wait, however many come, and the worker
// has one of them at a time; of messages 3 it tries four for an admission (see
// handleFinal), of messages 2 those that the few seconds of the dial have time for. A
// cookie costs a hash, and the first four that are in order an Init each.
func (e *Endpoint) expected(p *pipeline.Packet, h wire.Header) bool {
	slot := e.pending.Get(pipeline.ID(h.Receiver))
	if slot == nil {
		return false
	}
	switch h.Type {
	case wire.TypeResponse, wire.TypeCookie:
		a := slot.attempt
		return a != nil && a.init != nil && p.Addr == a.addr && h.Suite == e.cfg.Suite
	case wire.TypeFinal:
		half := slot.half
		return half != nil && half.response != nil && p.Addr == half.key.addr && h.Suite == half.suite
	}
	return false
}

// authorize asks the user whether key may connect. It runs in a job; a panic
// there counts as a no.
func (e *Endpoint) authorize(j *Job) {
	j.authorized = j.keys.Remote != e.cfg.Identity.Public() && e.cfg.Authorize != nil && e.cfg.Authorize(j.keys.Remote)
}

// begins draws what every handshake and rekey begins with: an ephemeral key and
// a receiver index.
func (e *Endpoint) begins() (ephemeral [KeySize]byte, index pipeline.ID, ok bool) {
	if !e.random(ephemeral[:]) {
		return ephemeral, 0, false
	}
	index, ok = e.takeEpochID()
	return ephemeral, index, ok
}

// source is what limits by address count as one: an IPv4 address, or the /64
// of an IPv6 address, which one machine may hold all of.
func source(a netip.AddrPort) netip.Addr {
	addr := a.Addr()
	if addr.Is4() {
		return addr
	}
	prefix, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return addr
	}
	return prefix.Addr()
}
