package wire

import "encoding/binary"

// Sizes of the handshake packets and their parts. Init is padded so that no
// answer to it is larger than itself.
const (
	HelloSize  = 16 // the payload of Noise messages 2 and 3
	CookieSize = 16
	MACSize    = 16

	// InitPadding is the number of zero bytes in the payload of Noise message 1.
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

// NoiseMessage returns the Noise message of an Init, Response or Final packet that
// ParseHeader accepted. Like the functions below it returns a part of b.
func NoiseMessage(b []byte) []byte {
	if PacketType(b[0]&15) == TypeInit {
		return b[HeaderSize : InitSize-CookieSize]
	}
	return b[HeaderSize:]
}

// InitCookie returns the cookie of an Init packet. In a dialer's first Init it is
// all zero.
func InitCookie(b []byte) []byte { return b[InitSize-CookieSize : InitSize] }

// InitWithoutCookie returns the part of an Init packet that its cookie
// authenticates.
func InitWithoutCookie(b []byte) []byte { return b[:InitSize-CookieSize] }

// CookiePacket returns the cookie and the MAC of a cookie challenge.
func CookiePacket(b []byte) (cookie, mac []byte) {
	return b[HeaderSize : HeaderSize+CookieSize], b[HeaderSize+CookieSize : CookiePacketSize]
}

// Hello is the encrypted handshake payload of either side.
type Hello struct {
	// Index is the receiver index that the sender of the Hello has chosen for
	// itself. A Final packet repeats the index of its Init.
	Index uint32
	// Rate, in packets/s, and Burst limit the packets that the sender of the
	// Hello accepts from its peer.
	Rate, Burst uint32
	// MaxDatagram is the size in bytes of the largest datagram that the sender
	// of the Hello accepts, at least MinDatagram.
	MaxDatagram uint16
}

// AppendHello appends index, rate, burst, largest datagram and two zero bytes
// to b.
func AppendHello(b []byte, h Hello) []byte {
	b = binary.BigEndian.AppendUint32(b, h.Index)
	b = binary.BigEndian.AppendUint32(b, h.Rate)
	b = binary.BigEndian.AppendUint32(b, h.Burst)
	b = binary.BigEndian.AppendUint16(b, h.MaxDatagram)
	return append(b, 0, 0)
}

// ParseHello decodes a Hello that fills b. ok is false if it is malformed, or if a
// value in it would prevent a session from working.
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
