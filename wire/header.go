package wire

import "encoding/binary"

// What the protocol fixes.
const (
	// Version is the protocol version in the high half of the first byte.
	Version = 1
	// HeaderSize is the length of the header that every packet starts with.
	// All of it is additional authenticated data of a sealed packet.
	HeaderSize = 16
	// TagSize is the length of the authentication tag of both ciphers.
	TagSize = 16
	// Overhead is what a sealed packet adds to its frames.
	Overhead = HeaderSize + TagSize
	// MinDatagram is the smallest limit on datagram sizes that a peer may
	// announce: what the handshake itself needs, rounded up.
	MinDatagram = 256
	// MaxDatagram is the largest datagram that UDP over IPv4 carries.
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

// Suite is the cipher suite of a handshake and the sessions that come of it.
type Suite uint8

// The cipher suites, by their Noise protocol names.
const (
	AESGCM     Suite = 1 // Noise_XX_25519_AESGCM_SHA256
	ChaChaPoly Suite = 2 // Noise_XX_25519_ChaChaPoly_SHA256
)

// Valid reports whether s is a suite of this version.
func (s Suite) Valid() bool { return s == AESGCM || s == ChaChaPoly }

// String returns the name that the command line uses.
func (s Suite) String() string {
	switch s {
	case AESGCM:
		return "aesgcm"
	case ChaChaPoly:
		return "chachapoly"
	}
	return "invalid"
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

// Fault says what is wrong with a packet's header or length.
type Fault uint8

// The faults of a header, in the order in which they are looked for.
const (
	FaultNone     Fault = iota
	FaultShort          // shorter than its type can be
	FaultVersion        // another protocol version
	FaultType           // unknown packet type
	FaultReserved       // a reserved bit is set, or the suite is unknown
	FaultLength         // a handshake packet of another length than its type has
)

// FaultNames lists the names of the faults from FaultShort on.
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

// ParseHeader decodes the header of the datagram b and checks that b's length
// fits its type.
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

// Peek reads type and receiver index of a datagram at their fixed offsets, for
// stages in front of header parse. ok is false if b has no header of this
// version; nothing else is checked.
func Peek(b []byte) (t PacketType, receiver uint32, ok bool) {
	if len(b) < HeaderSize || b[0]>>4 != Version {
		return 0, 0, false
	}
	return PacketType(b[0] & 15), binary.BigEndian.Uint32(b[4:]), true
}
