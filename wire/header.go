package wire

import "encoding/binary"

// Constants of the protocol. Sizes are in bytes.
const (
	// Version is the protocol version, in the high half of the first byte.
	Version = 1
	// HeaderSize is the length of the header at the start of every packet. In
	// sealed packets all of it is additional authenticated data.
	HeaderSize = 16
	// TagSize is the length of the authentication tag of both ciphers.
	TagSize = 16
	// Overhead is the length of header and tag of a sealed packet.
	Overhead = HeaderSize + TagSize
	// MinDatagram is the smallest maximum datagram size that a peer may
	// announce: the size of the largest handshake packet, rounded up.
	MinDatagram = 256
	// MaxDatagram is the size of the largest datagram in UDP over IPv4.
	MaxDatagram = 65507
)

// PacketType is the low half of the first byte.
type PacketType uint8

// The packet types.
const (
	TypeData     PacketType = 1 // sealed frames
	TypeInit     PacketType = 2 // Noise message 1, dialer to responder
	TypeResponse PacketType = 3 // Noise message 2, responder to dialer
	TypeFinal    PacketType = 4 // Noise message 3, dialer to responder
	TypeCookie   PacketType = 5 // cookie challenge, responder to dialer
)

var packetTypeNames = [...]string{TypeData: "data", TypeInit: "init", TypeResponse: "response", TypeFinal: "final", TypeCookie: "cookie"}

// String returns the type's name in docs/PROTOCOL.md.
func (t PacketType) String() string {
	if int(t) < len(packetTypeNames) && packetTypeNames[t] != "" {
		return packetTypeNames[t]
	}
	return "unknown"
}

// Header is the decoded first 16 bytes of a packet:
//
//	0      version (4 bits), type (4 bits)
//	1      suite in handshake packets, else zero
//	2-3    zero
//	4-7    receiver index; zero in Init
//	8-15   Data: counter. Init: sender index, then four zero bytes. Else zero
type Header struct {
	Type     PacketType
	Suite    Suite
	Receiver uint32
	Sender   uint32
	Counter  uint64
}

// Fault is a defect of a packet's header or length.
type Fault uint8

// The faults of a header, in the order of their checks.
const (
	FaultNone     Fault = iota
	FaultShort          // the packet is too short for its type
	FaultVersion        // another protocol version
	FaultType           // unknown packet type
	FaultReserved       // a reserved bit is set, or the suite is unknown
	FaultLength         // a handshake packet has the wrong length for its type
)

// FaultNames returns the names of the faults, beginning with FaultShort.
func FaultNames() []string {
	return []string{"short", "version", "type", "reserved", "length"}
}

// AppendHeader appends h to b.
func AppendHeader(b []byte, h Header) []byte {
	b = append(b, Version<<4|byte(h.Type), byte(h.Suite), 0, 0)
	b = binary.BigEndian.AppendUint32(b, h.Receiver)
	if h.Type == TypeInit {
		b = binary.BigEndian.AppendUint32(b, h.Sender)
		return append(b, 0, 0, 0, 0)
	}
	return binary.BigEndian.AppendUint64(b, h.Counter)
}

// ParseHeader decodes the header of the datagram b, and checks the length of b
// against its type. h is valid if f is FaultNone.
func ParseHeader(b []byte) (h Header, f Fault) {
	if len(b) < HeaderSize {
		return h, FaultShort
	}
	if b[0]>>4 != Version {
		return h, FaultVersion
	}
	h.Type = PacketType(b[0] & 15)
	if h.Type < TypeData || h.Type > TypeCookie {
		return h, FaultType
	}
	h.Receiver = binary.BigEndian.Uint32(b[4:])
	if h.Type == TypeData {
		h.Counter = binary.BigEndian.Uint64(b[8:])
		switch {
		case b[1]|b[2]|b[3] != 0:
			return h, FaultReserved
		case len(b) < Overhead:
			return h, FaultShort
		}
		return h, FaultNone
	}
	return parseHandshakeHeader(b, h)
}

func parseHandshakeHeader(b []byte, h Header) (Header, Fault) {
	h.Suite = Suite(b[1])
	rest := binary.BigEndian.Uint64(b[8:])
	if h.Type == TypeInit {
		h.Sender = uint32(rest >> 32)
		rest &= 1<<32 - 1
		if h.Receiver != 0 || h.Sender == 0 {
			return h, FaultReserved
		}
	}
	if rest != 0 || b[2]|b[3] != 0 || !h.Suite.Valid() {
		return h, FaultReserved
	}
	if len(b) != handshakeSize(h.Type) {
		return h, FaultLength
	}
	return h, FaultNone
}

// Peek returns the type and receiver index of a datagram, for stages before the
// header stage. ok is false if b is shorter than a header or has another version.
// Nothing else is checked.
func Peek(b []byte) (t PacketType, receiver uint32, ok bool) {
	if len(b) < HeaderSize || b[0]>>4 != Version {
		return 0, 0, false
	}
	return PacketType(b[0] & 15), binary.BigEndian.Uint32(b[4:]), true
}
