package wire

import "encoding/binary"

// FrameType is the first byte of a frame.
type FrameType uint8

// The frame types. Message frames are those up to FrameReliable.
const (
	FramePadding       FrameType = 0 // one byte, or any number of them
	FrameRealtime      FrameType = 1 // channel, length, payload
	FrameLatest        FrameType = 2 // channel, length, payload
	FrameReliable      FrameType = 3 // channel, sequence, distance, length, payload
	FrameAck           FrameType = 4 // see Ack
	FramePing          FrameType = 5 // asks for an acknowledgement
	FrameClose         FrameType = 6 // reason
	FramePathChallenge FrameType = 7 // 8 random bytes
	FramePathResponse  FrameType = 8 // the 8 bytes
	FrameRekey         FrameType = 9 // step, length, Noise message

	// The optional frames: see FrameType.Capability.
	FrameFragment FrameType = 10 // see Fragment
	FrameGivenUp  FrameType = 11 // channel, sequence, distance
	FrameAckNow   FrameType = 12 // asks for an acknowledgement at once
	FrameProbe    FrameType = 13 // length, zero bytes
	FrameOrigin   FrameType = 14 // time, error; see AppendOrigin
	FrameAckTime  FrameType = 15 // time; see AppendAckTime
)

// Extension frames: length, body. A receiver skips those that it does not know,
// so that this version of the protocol can be extended (docs/PROTOCOL.md,
// section 12). Types that are neither listed above nor among these are malformed.
const (
	firstExtension          = 0x20
	firstElicitingExtension = 0x40 // of those that elicit an acknowledgement
	afterExtensions         = 0x60
)

// Constants of the protocol.
const (
	// PathTokenSize is the length in bytes of a path token.
	PathTokenSize = 8
	// LeastReliableWindow is the smallest Window that a Hello may announce. A Reliable
	// message is sent only if its sequence number is less than the receiver's Window
	// above the oldest unacknowledged one.
	LeastReliableWindow = 1024
)

// What we chose.
const (
	// ReliableWindow is the Window that we announce, in messages, and the most that we
	// use of a peer's. A receiver can hold that many of up to 16 bytes within the limit
	// of package ack; 4,096 messages each 20 ms are 204,800 per second.
	ReliableWindow = 4096
	// MaxReliableDistance is the largest distance between a Reliable message
	// and its predecessor on the same channel that we accept: a predecessor further
	// back is acknowledged before the message is sent.
	MaxReliableDistance = ReliableWindow - 1
)

// RekeyStep is the part of a rekey that a Rekey frame carries.
type RekeyStep uint8

// The steps of a rekey.
const (
	RekeyRequest RekeyStep = 0 // responder asks the dialer to start; no message
	RekeyInit    RekeyStep = 1 // Noise message 1, dialer to responder
	RekeyAnswer  RekeyStep = 2 // Noise message 2, responder to dialer
	RekeyFinal   RekeyStep = 3 // Noise message 3, dialer to responder
)

// Frame is a decoded frame. Type determines which fields are valid. Payload
// aliases the parsed packet.
type Frame struct {
	Type FrameType
	// Channel and Payload are fields of message frames and fragments, Channel also of
	// GivenUp, Payload of Rekey, Probe and extension frames.
	Channel uint32
	Payload []byte
	// Seq numbers the Reliable messages and fragments of a session from zero, with
	// those that are given up. Distance is the
	// difference from the sequence number of the previous message on the same
	// channel. It is zero if that message and all before it were acknowledged
	// before this one was first sent.
	Seq      uint64
	Distance uint16

	Fragment Fragment

	Ack   Ack
	Close CloseReason
	Token [PathTokenSize]byte
	Step  RekeyStep
	// Time is that of an Origin or AckTime frame, in microseconds, and Within the error
	// of an Origin.
	Time   uint64
	Within uint32
}

// IsMessage reports whether frames of type t carry a message of the application.
func (t FrameType) IsMessage() bool { return t >= FrameRealtime && t <= FrameReliable }

// AckEliciting reports whether a packet with a frame of type t must be
// acknowledged.
func (t FrameType) AckEliciting() bool {
	return t != FramePadding && t != FrameAck && t != FrameClose && t != FrameOrigin && t != FrameAckTime &&
		(t < firstExtension || t >= firstElicitingExtension)
}

// Capability returns the capability that both sides must have for frames of type t to
// be sent, or zero if every peer understands them.
func (t FrameType) Capability() Capabilities {
	switch t {
	case FrameFragment:
		return CapFragments
	case FrameGivenUp:
		return CapGivenUp
	case FrameAckNow:
		return CapAckNow
	case FrameProbe:
		return CapProbe
	case FrameOrigin:
		return CapOrigin
	case FrameAckTime:
		return CapAckTime
	}
	return 0
}

// IsExtension reports whether t is an extension frame.
func (t FrameType) IsExtension() bool { return t >= firstExtension && t < afterExtensions }

// MessageSize returns the length in bytes of a message frame with n bytes of
// payload. t must be a message type.
func MessageSize(t FrameType, channel uint32, n int) int {
	size := 1 + varintSize(channel) + varintSize(uint32(n)) + n
	if t == FrameReliable {
		size += 8 + 2
	}
	return size
}

// AppendMessage appends a Realtime or Latest frame.
func AppendMessage(b []byte, t FrameType, channel uint32, payload []byte) []byte {
	b = appendVarint(append(b, byte(t)), channel)
	b = appendVarint(b, uint32(len(payload)))
	return append(b, payload...)
}

// AppendReliable appends a Reliable frame.
func AppendReliable(b []byte, channel uint32, seq uint64, distance uint16, payload []byte) []byte {
	b = appendVarint(append(b, byte(FrameReliable)), channel)
	b = binary.BigEndian.AppendUint64(b, seq)
	b = binary.BigEndian.AppendUint16(b, distance)
	b = appendVarint(b, uint32(len(payload)))
	return append(b, payload...)
}

// GivenUpSize returns the length in bytes of a GivenUp frame.
func GivenUpSize(channel uint32) int { return 1 + varintSize(channel) + 8 + 2 }

// AppendGivenUp appends a GivenUp frame.
func AppendGivenUp(b []byte, channel uint32, seq uint64, distance uint16) []byte {
	b = appendVarint(append(b, byte(FrameGivenUp)), channel)
	b = binary.BigEndian.AppendUint64(b, seq)
	return binary.BigEndian.AppendUint16(b, distance)
}

// AppendPadding appends n bytes of padding.
func AppendPadding(b []byte, n int) []byte {
	b = append(b, make([]byte, n)...) // the compiler does not allocate the operand
	return b
}

// AppendPing appends a Ping frame.
func AppendPing(b []byte) []byte { return append(b, byte(FramePing)) }

// AppendAckNow appends a request for an immediate acknowledgement.
func AppendAckNow(b []byte) []byte { return append(b, byte(FrameAckNow)) }

// ProbeSize returns the length in bytes of a Probe frame with n zero bytes.
func ProbeSize(n int) int { return 1 + varintSize(uint32(n)) + n }

// AppendProbe appends a Probe frame with n zero bytes.
func AppendProbe(b []byte, n int) []byte {
	b = appendVarint(append(b, byte(FrameProbe)), uint32(n))
	return AppendPadding(b, n)
}

// AppendClose appends a Close frame.
func AppendClose(b []byte, r CloseReason) []byte { return append(b, byte(FrameClose), byte(r)) }

// AppendPath appends a path challenge or a path response.
func AppendPath(b []byte, t FrameType, token [PathTokenSize]byte) []byte {
	return append(append(b, byte(t)), token[:]...)
}

// RekeySize returns the length in bytes of a Rekey frame with an n-byte message.
func RekeySize(n int) int { return 2 + varintSize(uint32(n)) + n }

// AppendRekey appends a Rekey frame.
func AppendRekey(b []byte, step RekeyStep, message []byte) []byte {
	b = appendVarint(append(b, byte(FrameRekey), byte(step)), uint32(len(message)))
	return append(b, message...)
}

// Parse decodes the frame at the start of b and returns its length in bytes. It
// returns zero if b does not start with a well-formed frame; then the content of f
// is undefined.
func (f *Frame) Parse(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	f.Type = FrameType(b[0])
	switch f.Type {
	case FrameRealtime, FrameLatest, FrameReliable:
		return f.parseMessage(b)
	case FrameAck:
		return f.Ack.parse(b)
	case FramePadding:
		n := 1
		for n < len(b) && b[n] == byte(FramePadding) {
			n++
		}
		return n
	case FrameFragment:
		return f.parseFragment(b)
	case FramePing, FrameAckNow:
		return 1
	case FrameGivenUp:
		return f.parsePlace(b)
	case FrameProbe:
		return f.parseProbe(b)
	case FrameOrigin, FrameAckTime:
		return f.parseTime(b)
	case FrameClose:
		if len(b) < 2 {
			return 0
		}
		f.Close = CloseReason(b[1])
		return 2
	case FramePathChallenge, FramePathResponse:
		if len(b) < 1+PathTokenSize {
			return 0
		}
		copy(f.Token[:], b[1:])
		return 1 + PathTokenSize
	case FrameRekey:
		if len(b) < 2 || b[1] > byte(RekeyFinal) {
			return 0
		}
		f.Step = RekeyStep(b[1])
		n := f.parsePayload(b, 2)
		if f.Step == RekeyRequest && len(f.Payload) != 0 {
			return 0 // a second encoding of the request
		}
		return n
	}
	if f.Type.IsExtension() {
		return f.parsePayload(b, 1)
	}
	return 0
}

func (f *Frame) parseProbe(b []byte) int {
	n := f.parsePayload(b, 1)
	if n == 0 {
		return 0
	}
	for _, v := range f.Payload {
		if v != 0 {
			return 0
		}
	}
	return n
}

func (f *Frame) parseMessage(b []byte) int {
	if f.Type == FrameReliable {
		at := f.parsePlace(b)
		if at == 0 {
			return 0
		}
		return f.parsePayload(b, at)
	}
	channel, n := parseVarint(b[1:])
	if n == 0 {
		return 0
	}
	f.Channel = channel
	return f.parsePayload(b, 1+n)
}

// parsePlace decodes the channel and the place on it of a Reliable message, and returns
// the offset of their end, or zero if they are malformed.
func (f *Frame) parsePlace(b []byte) int {
	channel, n := parseVarint(b[1:])
	if n == 0 {
		return 0
	}
	f.Channel = channel
	return f.parseSequence(b, 1+n)
}

// parseSequence decodes sequence and distance at offset at, and returns the offset of
// their end, or zero if they are malformed.
func (f *Frame) parseSequence(b []byte, at int) int {
	if len(b) < at+10 {
		return 0
	}
	f.Seq = binary.BigEndian.Uint64(b[at:])
	f.Distance = binary.BigEndian.Uint16(b[at+8:])
	if f.Distance > MaxReliableDistance || uint64(f.Distance) > f.Seq {
		return 0
	}
	return at + 10
}

// parsePayload decodes length and payload at offset at, and returns the offset of
// their end, or zero if they are malformed.
func (f *Frame) parsePayload(b []byte, at int) int {
	size, n := parseVarint(b[at:])
	at += n
	if n == 0 || uint64(len(b)-at) < uint64(size) {
		return 0
	}
	end := at + int(size)
	f.Payload = b[at:end:end]
	return end
}
