package interop_test

import "encoding/binary"

// The part of section 5 of PROTOCOL.md that a client needs.

func varint(v uint32) []byte {
	switch {
	case v < 1<<6:
		return []byte{byte(v)}
	case v < 1<<14:
		return []byte{1<<6 | byte(v>>8), byte(v)}
	case v < 1<<30:
		return binary.BigEndian.AppendUint32(nil, 2<<30|v)
	}
	return binary.BigEndian.AppendUint64(nil, 3<<62|uint64(v))
}

// getVarint parses a varint. It accepts only the shortest form of a value below
// 2^32.
func getVarint(b []byte) (v uint32, rest []byte, ok bool) {
	if len(b) == 0 || len(b) < 1<<(b[0]>>6) {
		return 0, nil, false
	}
	n := 1 << (b[0] >> 6)
	wide := uint64(b[0] & 63)
	for _, next := range b[1:n] {
		wide = wide<<8 | uint64(next)
	}
	v = uint32(wide)
	return v, b[n:], uint64(v) == wide && len(varint(v)) == n
}

// message returns a Realtime (1) or Latest (2) frame.
func message(kind byte, channel uint32, payload string) []byte {
	return join([]byte{kind}, varint(channel), varint(uint32(len(payload))), []byte(payload))
}

func reliable(channel uint32, seq uint64, distance uint16, payload string) []byte {
	b := binary.BigEndian.AppendUint64(append([]byte{3}, varint(channel)...), seq)
	b = binary.BigEndian.AppendUint16(b, distance)
	return join(b, varint(uint32(len(payload))), []byte(payload))
}

// ack returns an ACK of the largest counter and of those in the bitmap.
func ack(epoch byte, delay uint16, largest, reliable uint64, bitmap ...byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{4, epoch}, delay)
	b = binary.BigEndian.AppendUint64(b, largest)
	b = binary.BigEndian.AppendUint64(b, reliable)
	return append(append(b, byte(len(bitmap))), bitmap...)
}

// frame is one decoded frame.
type frame struct {
	kind     byte
	epoch    byte   // of an ACK
	delay    uint16 // of an ACK
	number   uint64 // largest of an ACK, sequence of a Reliable message, time
	within   uint32 // error of an Origin
	distance uint16
	upTo     uint64 // Reliable of an ACK
	channel  uint32
	step     byte   // of a rekey
	payload  []byte // or token, or reason, or bitmap
}

// frames decodes well-formed frames.
func frames(b []byte) []frame {
	all, ok := parseOptional(b, true)
	if !ok {
		panic("malformed frame")
	}
	return all
}

// bytes returns the encoding of f.
func (f frame) bytes() []byte {
	switch f.kind {
	case 1, 2:
		return message(f.kind, f.channel, string(f.payload))
	case 3:
		return reliable(f.channel, f.number, f.distance, string(f.payload))
	case 4:
		return ack(f.epoch, f.delay, f.number, f.upTo, f.payload...)
	case 9:
		return join([]byte{9, f.step}, varint(uint32(len(f.payload))), f.payload)
	}
	if f.kind >= 0x20 {
		return join([]byte{f.kind}, varint(uint32(len(f.payload))), f.payload)
	}
	return append([]byte{f.kind}, f.payload...)
}
