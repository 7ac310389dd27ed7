package conn

import (
	"math"
	"net/netip"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/header"
	"github.com/intentra/intentra/wire"
)

// Handshake describes a handshake that another side has dialled, to
// [Config].Authorize.
type Handshake struct {
	// Key is the static public key of the dialer, which has proved possession of it.
	Key [KeySize]byte
	// Addr is the address of the dialer, which has proved that it receives there. A
	// session may move to another address later.
	Addr netip.AddrPort
}

// pendingHandshake is what a receiver index refers to before there is an epoch.
type pendingHandshake struct {
	half    *halfOpen // set if this side answers
	attempt *attempt  // set if this side dials
}

// prologue binds what is not inside a Noise payload: label, version, suite and
// the dialer's index (Noise specification, revision 34, section 6).
func prologue(suite wire.Suite, dialerIndex uint32) []byte {
	b := append([]byte("intentra handshake"), wire.Version, byte(suite))
	return append(b, byte(dialerIndex>>24), byte(dialerIndex>>16), byte(dialerIndex>>8), byte(dialerIndex))
}

// hello returns this side's announcement, with the receiver index for the peer to
// use.
func (e *Endpoint) hello(index uint32) wire.Hello {
	return wire.Hello{
		Index:        index,
		Capabilities: wire.Supported,
		PacketRate:   uint32(e.cfg.PeerRate),
		PacketBurst:  uint32(e.cfg.PeerBurst),
		MessageRate:  uint32(e.cfg.PeerMessageRate),
		ByteRate:     uint32(e.cfg.PeerByteRate / wire.ByteRateUnit),
		IdleTimeout:  uint32(min(max(e.cfg.IdleTimeout.Milliseconds(), 1), math.MaxUint32)),
		Instance:     e.instance,
		MaxDatagram:  uint16(e.cfg.MaxDatagram),
		MaxMessage:   uint32(e.cfg.MaxMessage),
		Window:       e.window,
	}
}

// handleHandshake processes a handshake packet from stage header. A packet that is
// of no use is dropped there, and its cause is counted as an Outcome in Stats.
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

// expected reports whether a handshake waits for such a packet from exactly this
// address and port. Such packets are not charged to the address, which anyone can
// spoof; a spoofer would have to guess the receiver index and the port, or see them
// on the wire. Their cost is bounded without a rate: each handshake keeps at most
// four candidates and has one of them at the worker. An admission covers four
// messages 3 (see handleFinal), and a dial lasts seconds, which bounds the messages
// 2. A cookie costs one hash, and each of the first four valid ones an Init.
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

// authorize calls Config.Authorize. It runs in a job; a panic there counts as a
// refusal.
func (e *Endpoint) authorize(half *halfOpen, j *Job) {
	j.authorized = j.keys.Remote != e.cfg.Identity.Public() && e.cfg.Authorize != nil &&
		e.cfg.Authorize(half.ctx, Handshake{Key: j.keys.Remote, Addr: half.key.addr})
}

// begins returns what every handshake and rekey starts with: a random ephemeral key
// and an unused receiver index.
func (e *Endpoint) begins() (ephemeral [KeySize]byte, index pipeline.ID, ok bool) {
	if !e.random(ephemeral[:]) {
		return ephemeral, 0, false
	}
	index, ok = e.takeEpochID()
	return ephemeral, index, ok
}

// source returns the unit that limits by address count: an IPv4 address, or the /64
// of an IPv6 address, since one machine may own a whole /64.
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
