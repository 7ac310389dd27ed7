package docs_test

import "encoding/binary"

// Section 5 of PROTOCOL.md, as far as a client needs it.

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

func getVarint(b []byte) (v uint32, rest []byte) {
	n := 1 << (b[0] >> 6)
	v = uint32(b[0] & 63)
	for _, next := range b[1:n] {
		v = v<<8 | uint32(next)
	}
	return v, b[n:]
}

// message makes a Realtime (1) or Latest (2) frame.
func message(kind byte, channel uint32, payload string) []byte {
	return join([]byte{kind}, varint(channel), varint(uint32(len(payload))), []byte(payload))
}

func reliable(channel uint32, seq uint64, distance uint16, payload string) []byte {
	b := binary.BigEndian.AppendUint64(append([]byte{3}, varint(channel)...), seq)
	b = binary.BigEndian.AppendUint16(b, distance)
	return join(b, varint(uint32(len(payload))), []byte(payload))
}

// ack acknowledges the largest counter and those that the bitmap names.
func ack(epoch byte, delay uint16, largest, reliable uint64, bitmap ...byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{4, epoch}, delay)
	b = binary.BigEndian.AppendUint64(b, largest)
	b = binary.BigEndian.AppendUint64(b, reliable)
	return append(append(b, byte(len(bitmap))), bitmap...)
}

// frame is what a client that has sent little needs of one.
type frame struct {
	kind    byte
	epoch   byte   // of an ACK
	number  uint64 // largest of an ACK, sequence of a Reliable message
	upTo    uint64 // Reliable of an ACK
	channel uint32
	step    byte   // of a rekey
	payload []byte // or token, or reason
}

func frames(b []byte) (all []frame) {
	for len(b) > 0 {
		f := frame{kind: b[0]}
		b = b[1:]
		size := uint32(0)
		switch f.kind {
		case 0, 5:
		case 1, 2:
			f.channel, b = getVarint(b)
			size, b = getVarint(b)
		case 3:
			f.channel, b = getVarint(b)
			f.number, b = binary.BigEndian.Uint64(b), b[10:]
			size, b = getVarint(b)
		case 4:
			f.epoch, f.number, f.upTo = b[0], binary.BigEndian.Uint64(b[3:]), binary.BigEndian.Uint64(b[11:])
			size, b = uint32(b[19]), b[20:]
		case 6:
			size = 1
		case 7, 8:
			size = 8
		case 9:
			f.step = b[0]
			size, b = getVarint(b[1:])
		default:
			panic("unknown frame")
		}
		f.payload, b = b[:size], b[size:]
		all = append(all, f)
	}
	return all
}
