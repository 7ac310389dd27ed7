package pipeline

import "net/netip"

// Time is a monotonic time in nanoseconds from an origin that the caller
// chooses and keeps. A stage reads no clock, but [Packet.Now].
type Time int64

// Packet is one datagram on its way through a chain and, where stages run once per
// message, one message of it at a time. The driver of the chain owns it and reuses
// it: a stage must not keep the Packet or any of its slices after Process returns.
type Packet struct {
	// Data is the whole datagram. AEAD open decrypts it in place. Inbound, a
	// packet stage may write within it but not past its length, and a message
	// stage only within Payload; outbound, the packet stages append to it, up
	// to its capacity.
	Data []byte
	// Addr is where the datagram came from (inbound) or goes (outbound),
	// IPv4-mapped addresses unmapped.
	Addr netip.AddrPort
	// Local is the local address to which the datagram was sent (inbound) or from
	// which it is sent (outbound). It is the zero Addr if the socket is bound to one
	// address, or if the system does not report it or is to choose it.
	Local netip.Addr
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

	// Channel and Intent are those of the current message. They are set only where
	// stages run once per message, and are not a stage's to change.
	Channel uint32
	Intent  Intent
	// Began is zero unless the current message has arrived in fragments. Then it says
	// where among the packets of the session the message began: the number of the epoch
	// in the upper half, one more than the counter in the lower. It orders Latest messages.
	Began uint64
	// Sequence and Distance are those of an outgoing Reliable message at the packer:
	// its number in the session, and the distance to its predecessor on the same
	// channel (see docs/PROTOCOL.md).
	Sequence uint64
	Distance uint16

	// Origin is when the current message was created, in microseconds of its sender's
	// clock, and Within the error of that; zero if the message does not say. Inbound the
	// splitter sets them, outbound the driver.
	Origin uint64
	Within uint32

	// Messages and MessageBytes say what the packet contains, once the splitter has
	// parsed it: the messages, with other frames that cost as much, and the bytes of
	// their payloads. Stages that settle may charge them to the peer.
	Messages, MessageBytes uint32

	// Reply is sent to Addr from Local after the chain has finished, unless it is empty. Of
	// the default stages only cookie sets it. A stage appends to Reply[:0] within
	// its capacity.
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

// Reset prepares p for the next datagram, with the zero Local. It keeps the capacity of
// Reply.
func (p *Packet) Reset(data []byte, addr netip.AddrPort, now Time) {
	// Field by field, since assigning a literal builds it elsewhere and copies it,
	// which takes three times as long.
	p.Data, p.Addr, p.Local, p.Now = data, addr, netip.Addr{}, now
	p.Peer, p.Session, p.Epoch, p.EpochSeq, p.Counter = 0, 0, 0, 0, 0
	p.Channel, p.Intent, p.Began, p.Sequence, p.Distance = 0, 0, 0, 0, 0
	p.Origin, p.Within, p.Messages, p.MessageBytes = 0, 0, 0, 0
	p.Reply, p.payload, p.flags = p.Reply[:0], nil, 0
}

// Payload returns the plaintext: nil before AEAD open has passed; the frames of
// the packet up to the splitter; the payload of the current message after it. A stage
// may change the bytes in place.
func (p *Packet) Payload() []byte { return p.payload }

// SetPayload replaces the payload of the current message, as a stage that compresses
// does. b must stay unchanged until the stage is called for the next message.
func (p *Packet) SetPayload(b []byte) { p.payload = b }

// SetPlaintext sets the plaintext that AEAD open has authenticated. Only a stage that
// implements [Opener] calls it.
func (p *Packet) SetPlaintext(b []byte) {
	p.payload = b
	p.flags |= flagOpened
}

// Opened reports whether AEAD open has authenticated the packet.
func (p *Packet) Opened() bool { return p.flags&flagOpened != 0 }

// MarkFresh records that the replay window has accepted the packet's counter. From
// then on the packet is known to come from the peer, and may be charged to it.
func (p *Packet) MarkFresh() { p.flags |= flagFresh }

// Fresh reports whether the packet is authenticated and not a replay.
func (p *Packet) Fresh() bool { return p.flags&flagFresh != 0 }

// Strike records that the peer has violated the protocol. It counts against the peer
// only if the packet is fresh, so that an attacker cannot have strikes counted
// against another peer.
func (p *Packet) Strike() { p.flags |= flagStrike }

// Struck reports whether a strike counts against the peer.
func (p *Packet) Struck() bool { return p.flags&flagStrike != 0 && p.Fresh() }

// LeaveUnacknowledged excludes the packet from acknowledgements, so that its sender
// treats it as lost and sends its Reliable messages again.
func (p *Packet) LeaveUnacknowledged() { p.flags |= flagUnacked }

// Unacknowledged reports whether LeaveUnacknowledged was called.
func (p *Packet) Unacknowledged() bool { return p.flags&flagUnacked != 0 }
