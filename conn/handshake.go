package conn

import (
	"net/netip"

	"github.com/intentra/intentra/internal/noise"
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
		Index: index, Rate: e.cfg.PeerRate, Burst: e.cfg.PeerBurst, MaxDatagram: uint16(e.cfg.MaxDatagram),
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

// authorize asks the user whether key may connect. It runs in a job; a panic
// there counts as a no.
func (e *Endpoint) authorize(j *Job) {
	j.authorized = j.keys.Remote != e.cfg.Static.Public() && e.cfg.Authorize != nil && e.cfg.Authorize(j.keys.Remote)
}

// begins draws what every handshake and rekey begins with: an ephemeral key and
// a receiver index.
func (e *Endpoint) begins() (ephemeral [noise.KeySize]byte, index pipeline.ID, ok bool) {
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
