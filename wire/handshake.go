package wire

import "encoding/binary"

// Sizes of the handshake packets and their parts. Init is padded so that no
// answer to it is larger than it is.
const (
	HelloSize  = 48 // the payload of Noise messages 2 and 3
	CookieSize = 16
	MACSize    = 16

	// InitPadding is the number of zero bytes in the payload of Noise message 1.
	InitPadding = 96

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

// Hello is what each side announces in its encrypted handshake payload. It
// holds for the session and its rekeys (docs/PROTOCOL.md, section 2).
type Hello struct {
	// Index is the receiver index of packets to the sender of the Hello, never
	// zero. A Final packet repeats the one of its Init.
	Index uint32
	// Capabilities are the optional frames that the sender understands. Frames
	// of a capability are sent only if both sides have it.
	Capabilities Capabilities
	// PacketRate and PacketBurst limit the packets that it accepts, per second
	// and at once. Neither is zero.
	PacketRate, PacketBurst uint32
	// MessageRate limits the messages that it accepts per second, ByteRate
	// their payload in units of ByteRateUnit bytes per second. Zero means no
	// limit but that of the packets. Their bursts last as long as that of the
	// packets: rate * PacketBurst / PacketRate.
	MessageRate, ByteRate uint32
	// IdleTimeout is after how many milliseconds without a packet it closes
	// the session, never zero.
	IdleTimeout uint32
	// Instance is drawn at random when the sender starts, so that a restart
	// shows.
	Instance uint64
	// MaxDatagram is the largest datagram that it accepts, in bytes of UDP
	// payload, at least MinDatagram.
	MaxDatagram uint16
	// Window is how many Reliable sequence numbers it accepts from the lowest
	// that it has not received, at least LeastReliableWindow.
	Window uint16
	// MaxMessage is the largest message that it accepts in fragments, in
	// bytes. It means nothing without that capability.
	MaxMessage uint32
}

// Capabilities is a set of optional frames, a bit for each. Unknown bits are
// ignored.
type Capabilities uint32

// The capabilities (docs/PROTOCOL.md, section 5).
const (
	CapFragments Capabilities = 1 << iota // Fragment frames
	CapGivenUp                            // GivenUp frames
	CapAckNow                             // AckNow frames
	CapProbe                              // Probe frames
	CapOrigin                             // Origin frames
	CapAckTime                            // AckTime frames
)

// Supported are the capabilities that this implementation announces.
const Supported = CapFragments | CapGivenUp | CapAckNow | CapProbe | CapOrigin | CapAckTime

// ByteRateUnit is the unit of Hello.ByteRate in bytes.
const ByteRateUnit = 1024

// AppendHello appends the HelloSize bytes of h to b. Its reserved bytes are
// zero.
func AppendHello(b []byte, h Hello) []byte {
	for _, v := range [...]uint32{
		h.Index, uint32(h.Capabilities), h.PacketRate, h.PacketBurst, h.MessageRate, h.ByteRate, h.IdleTimeout,
	} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	b = binary.BigEndian.AppendUint64(b, h.Instance)
	b = binary.BigEndian.AppendUint16(b, h.MaxDatagram)
	b = binary.BigEndian.AppendUint16(b, h.Window)
	b = binary.BigEndian.AppendUint32(b, h.MaxMessage)
	return append(b, 0, 0, 0, 0)
}

// ParseHello decodes exactly one Hello and ignores its reserved bytes. It
// refuses values with which a session could not work.
func ParseHello(b []byte) (h Hello, ok bool) {
	if len(b) != HelloSize {
		return h, false
	}
	h = Hello{
		Index:        binary.BigEndian.Uint32(b),
		Capabilities: Capabilities(binary.BigEndian.Uint32(b[4:])),
		PacketRate:   binary.BigEndian.Uint32(b[8:]),
		PacketBurst:  binary.BigEndian.Uint32(b[12:]),
		MessageRate:  binary.BigEndian.Uint32(b[16:]),
		ByteRate:     binary.BigEndian.Uint32(b[20:]),
		IdleTimeout:  binary.BigEndian.Uint32(b[24:]),
		Instance:     binary.BigEndian.Uint64(b[28:]),
		MaxDatagram:  binary.BigEndian.Uint16(b[36:]),
		Window:       binary.BigEndian.Uint16(b[38:]),
		MaxMessage:   binary.BigEndian.Uint32(b[40:]),
	}
	return h, h.Index != 0 && h.PacketRate != 0 && h.PacketBurst != 0 && h.IdleTimeout != 0 &&
		h.MaxDatagram >= MinDatagram && h.Window >= LeastReliableWindow
}
