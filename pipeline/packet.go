package pipeline

import "net/netip"

// Time is a monotonic time in nanoseconds from an origin that the caller
// chooses and keeps. No stage reads a clock: it looks at [Packet.Now].
type Time int64

// Packet is one datagram on its way through a chain and, after the splitter,
// one message of it at a time. The driver of the chain owns it and uses it
// again: a stage keeps neither the Packet nor any of its slices past its
// return from Process.
type Packet struct {
	// Data is the whole datagram. AEAD open decrypts it in place. Inbound, a
	// packet stage may write within it but not past its length, and a message
	// stage only within Payload; outbound, the packet stages append to it, up
	// to its capacity.
	Data []byte
	// Addr is where the datagram came from (inbound) or goes (outbound),
	// IPv4-mapped addresses unmapped.
	Addr netip.AddrPort
	// Now is the time at which the batch of the packet was read.
	Now Time

	// Peer, Session and Epoch are set by header parse for packets of a live
	// epoch, and are zero before. Until AEAD open has passed they are a claim.
	Peer, Session, Epoch ID
	// EpochSeq numbers the epochs of a session from zero.
	EpochSeq uint32
	// Counter is the packet's 64-bit number under its epoch's key, set by
	// header parse; a claim until AEAD open has passed.
	Counter uint64

	// Channel and Intent belong to the message in hand. They are set only
	// where stages run once per message.
	Channel uint32
	Intent  Intent
	// Sequence and Distance are those of a Reliable message on its way out:
	// its number in the session, and how far back its predecessor on the same
	// channel is (see docs/PROTOCOL.md).
	Sequence uint64
	Distance uint16

	// Reply is answered to Addr once the chain has finished, if a stage has
	// put anything in it. Only the cookie stage of the default chain does.
	// A stage appends to Reply[:0] within its capacity.
	Reply []byte

	payload []byte
	flags   uint8
}

const (
	flagOpened uint8 = 1 << iota
	flagFresh
	flagStrike
	flagUnacked
)

// Reset makes p ready for the next datagram. It keeps Reply's capacity.
func (p *Packet) Reset(data []byte, addr netip.AddrPort, now Time) {
	// Field by field: a literal is made elsewhere and copied over, which takes
	// three times as long, for each packet.
	p.Data, p.Addr, p.Now = data, addr, now
	p.Peer, p.Session, p.Epoch, p.EpochSeq, p.Counter = 0, 0, 0, 0, 0
	p.Channel, p.Intent, p.Sequence, p.Distance = 0, 0, 0, 0
	p.Reply, p.payload, p.flags = p.Reply[:0], nil, 0
}

// Payload returns the plaintext: nil before AEAD open has passed; the frames of
// the packet up to the splitter; the payload of the message in hand after it.
// A stage may change the bytes in place.
func (p *Packet) Payload() []byte { return p.payload }

// SetPayload replaces the payload of the message in hand, as a stage that
// expands or compresses does. b must stay untouched until the stage is called
// for the next message.
func (p *Packet) SetPayload(b []byte) { p.payload = b }

// SetPlaintext hands over what AEAD open has authenticated. Only a stage that
// implements [Opener] calls it.
func (p *Packet) SetPlaintext(b []byte) {
	p.payload = b
	p.flags |= flagOpened
}

// Opened reports whether AEAD open has authenticated the packet.
func (p *Packet) Opened() bool { return p.flags&flagOpened != 0 }

// MarkFresh records that the replay window has accepted the packet's counter:
// from here on the packet is the peer's own doing, and may be charged for.
func (p *Packet) MarkFresh() { p.flags |= flagFresh }

// Fresh reports whether the packet has been authenticated and is no replay.
func (p *Packet) Fresh() bool { return p.flags&flagFresh != 0 }

// Strike records that the peer has broken the protocol. It counts against the
// peer only if the packet is fresh, so nobody can have strikes counted against
// somebody else.
func (p *Packet) Strike() { p.flags |= flagStrike }

// Struck reports whether a strike counts against the peer.
func (p *Packet) Struck() bool { return p.flags&flagStrike != 0 && p.Fresh() }

// LeaveUnacknowledged keeps the packet out of the acknowledgements, so that its
// sender treats it as lost and sends Reliable messages in it again.
func (p *Packet) LeaveUnacknowledged() { p.flags |= flagUnacked }

// Unacknowledged reports whether LeaveUnacknowledged was called.
func (p *Packet) Unacknowledged() bool { return p.flags&flagUnacked != 0 }
