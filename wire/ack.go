package wire

import (
	"encoding/binary"
	"math/bits"
	"time"
)

// Constants of the protocol.
const (
	// AckBits is the number of counters below the largest that an Ack covers.
	AckBits = 1024
	// AckDelayUnit is the unit of the delay in an Ack frame.
	AckDelayUnit = 8 * time.Microsecond

	ackFixed = 1 + 1 + 2 + 8 + 8 + 1
	// MaxAckSize is the length of the longest Ack frame.
	MaxAckSize = ackFixed + AckBits/8
)

// AckBitmap is the set of received counters below the largest. Bit i, which is bit
// i%64 of word i/64, represents counter largest-1-i.
type AckBitmap [AckBits / 64]uint64

// Ack acknowledges packets of one epoch, and Reliable messages of the session:
//
//	0      frame type
//	1      epoch: the low 8 bits of its number in the session
//	2-3    time since the largest was received, in units of 8 us
//	4-11   largest counter received
//	12-19  Reliable: every sequence number below it has been received
//	20     length of the bitmap in bytes, at most 128
//	21-    bitmap, least significant bit first; its last byte is not zero
type Ack struct {
	Epoch   uint8
	Delay   uint16
	Largest uint64
	// Reliable is the cumulative acknowledgement of Reliable messages.
	Reliable uint64
	Bitmap   AckBitmap
}

// bytes returns the length of the bitmap without its trailing zero bytes.
func (m *AckBitmap) bytes() int {
	for i := len(m) - 1; i >= 0; i-- {
		if m[i] != 0 {
			return i*8 + (bits.Len64(m[i])+7)/8
		}
	}
	return 0
}

// Size returns the length in bytes of the frame that AppendAck appends for a.
func (a *Ack) Size() int { return ackFixed + a.Bitmap.bytes() }

// AppendAck appends an Ack frame.
func AppendAck(b []byte, a *Ack) []byte {
	n := a.Bitmap.bytes()
	b = append(b, byte(FrameAck), a.Epoch)
	b = binary.BigEndian.AppendUint16(b, a.Delay)
	b = binary.BigEndian.AppendUint64(b, a.Largest)
	b = binary.BigEndian.AppendUint64(b, a.Reliable)
	b = append(b, byte(n))
	i := 0
	for ; i+8 <= n; i += 8 {
		b = binary.LittleEndian.AppendUint64(b, a.Bitmap[i/8])
	}
	for ; i < n; i++ {
		b = append(b, byte(a.Bitmap[i/8]>>(i%8*8)))
	}
	return b
}

// parse decodes the Ack frame at the start of b and returns its length, or zero if
// it is malformed. A bit for a counter below zero is malformed.
func (a *Ack) parse(b []byte) int {
	if len(b) < ackFixed {
		return 0
	}
	a.Epoch = b[1]
	a.Delay = binary.BigEndian.Uint16(b[2:])
	a.Largest = binary.BigEndian.Uint64(b[4:])
	a.Reliable = binary.BigEndian.Uint64(b[12:])
	n := int(b[20])
	end := ackFixed + n
	if n > AckBits/8 || len(b) < end || n > 0 && b[end-1] == 0 {
		return 0
	}
	a.Bitmap = AckBitmap{}
	m := b[ackFixed:end]
	i := 0
	for ; i+8 <= n; i += 8 {
		a.Bitmap[i/8] = binary.LittleEndian.Uint64(m[i:])
	}
	for ; i < n; i++ {
		a.Bitmap[i/8] |= uint64(m[i]) << (i % 8 * 8)
	}
	if n > 0 {
		top := n*8 - bits.LeadingZeros8(b[end-1])
		if uint64(top) > a.Largest {
			return 0
		}
	}
	return end
}
