package wire

import "encoding/binary"

// MaxTime is the largest time in an Origin or AckTime frame, in microseconds: 35,000
// years.
const MaxTime = 1<<60 - 1

// OriginSize returns the length in bytes of an Origin frame.
func OriginSize(within uint32) int { return 1 + 8 + varintSize(within) }

// AppendOrigin appends an Origin frame: the next message was created at the time, in
// microseconds of the sender's clock, give or take within microseconds.
func AppendOrigin(b []byte, time uint64, within uint32) []byte {
	b = binary.BigEndian.AppendUint64(append(b, byte(FrameOrigin)), time)
	return appendVarint(b, within)
}

// AckTimeSize is the length in bytes of an AckTime frame.
const AckTimeSize = 1 + 8

// AppendAckTime appends an AckTime frame, which belongs to the Ack frame before it: the
// packet with the largest counter arrived at the time, in microseconds of the sender's
// clock.
func AppendAckTime(b []byte, time uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, byte(FrameAckTime)), time)
}

// PeekAckTime returns the time of the AckTime frame at the start of b. ok is false if
// b begins with another frame.
func PeekAckTime(b []byte) (time uint64, ok bool) {
	if len(b) < AckTimeSize || FrameType(b[0]) != FrameAckTime {
		return 0, false
	}
	return binary.BigEndian.Uint64(b[1:]), true
}

// parseTime decodes an Origin or AckTime frame and returns its length, or zero if it is
// malformed.
func (f *Frame) parseTime(b []byte) int {
	if len(b) < AckTimeSize {
		return 0
	}
	if f.Time = binary.BigEndian.Uint64(b[1:]); f.Time > MaxTime {
		return 0
	}
	if f.Type == FrameAckTime {
		return AckTimeSize
	}
	within, n := parseVarint(b[AckTimeSize:])
	if n == 0 {
		return 0
	}
	f.Within = within
	return AckTimeSize + n
}
