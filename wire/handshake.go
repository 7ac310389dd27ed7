package wire

import "encoding/binary"

// Sizes of the handshake packets and their parts. Init is padded so that no
// answer to it is larger than itself.
const (
	HelloSize  = 16 // the payload of Noise messages 2 and 3
	CookieSize = 16
	MACSize    = 16

	// InitPadding zero bytes are the payload of Noise message 1.
	InitPadding = 64

	InitSize     = HeaderSize + 32 + InitPadding + CookieSize
	ResponseSize = HeaderSize + 32 + 32 + TagSize + HelloSize + TagSize
	FinalSize    = HeaderSize + 32 + TagSize + HelloSize + TagSize
	// CookiePacketSize is the length of a cookie challenge.
	CookiePacketSize = HeaderSize + CookieSize + MACSize
)

func handshakeSize(t PacketType) int {
	switch t {
	case TypeInit:
		return InitSize
	case TypeResponse:
		return ResponseSize
	case TypeFinal:
		return FinalSize
	}
	return CookiePacketSize
}

// NoiseMessage returns the Noise message of an Init, Response or Final packet
// that ParseHeader has found no fault with.
func NoiseMessage(b []byte) []byte {
	if PacketType(b[0]&15) == TypeInit {
		return b[HeaderSize : InitSize-CookieSize]
	}
	return b[HeaderSize:]
}

// InitCookie returns the cookie of an Init packet. It is all zero in the first
// attempt.
func InitCookie(b []byte) []byte { return b[InitSize-CookieSize : InitSize] }

// InitWithoutCookie returns the bytes of an Init packet that its cookie is
// made of.
func InitWithoutCookie(b []byte) []byte { return b[:InitSize-CookieSize] }

// CookiePacket returns cookie and MAC of a cookie challenge.
func CookiePacket(b []byte) (cookie, mac []byte) {
	return b[HeaderSize : HeaderSize+CookieSize], b[HeaderSize+CookieSize : CookiePacketSize]
}

// Hello is what both sides announce in their encrypted handshake payload.
type Hello struct {
	// Index is the receiver index by which the sender of the Hello wants to be
	// addressed. A Final packet repeats the one of its Init.
	Index uint32
	// Rate and Burst limit the packets per second that the sender of the Hello
	// accepts from its peer.
	Rate, Burst uint32
	// MaxDatagram is the largest datagram in bytes that it accepts, from
	// MinDatagram.
	MaxDatagram uint16
}

// AppendHello appends h to b: index, rate, burst, largest datagram, two zero
// bytes.
func AppendHello(b []byte, h Hello) []byte {
	b = binary.BigEndian.AppendUint32(b, h.Index)
	b = binary.BigEndian.AppendUint32(b, h.Rate)
	b = binary.BigEndian.AppendUint32(b, h.Burst)
	b = binary.BigEndian.AppendUint16(b, h.MaxDatagram)
	return append(b, 0, 0)
}

// ParseHello decodes exactly one Hello. It refuses values that would stop a
// session from working.
func ParseHello(b []byte) (h Hello, ok bool) {
	if len(b) != HelloSize || b[14]|b[15] != 0 {
		return h, false
	}
	h = Hello{
		Index:       binary.BigEndian.Uint32(b),
		Rate:        binary.BigEndian.Uint32(b[4:]),
		Burst:       binary.BigEndian.Uint32(b[8:]),
		MaxDatagram: binary.BigEndian.Uint16(b[12:]),
	}
	return h, h.Index != 0 && h.Rate != 0 && h.Burst != 0 && h.MaxDatagram >= MinDatagram
}
