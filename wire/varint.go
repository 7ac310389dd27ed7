package wire

import "encoding/binary"

// Variable-length integers are encoded as in RFC 9000 section 16, with two
// additional rules: values are below 2^32, and the encoding must be the shortest.

func varintSize(v uint32) int {
	switch {
	case v < 1<<6:
		return 1
	case v < 1<<14:
		return 2
	case v < 1<<30:
		return 4
	}
	return 8
}

func appendVarint(b []byte, v uint32) []byte {
	switch varintSize(v) {
	case 1:
		return append(b, byte(v))
	case 2:
		return binary.BigEndian.AppendUint16(b, 1<<14|uint16(v))
	case 4:
		return binary.BigEndian.AppendUint32(b, 2<<30|v)
	}
	return binary.BigEndian.AppendUint64(b, 3<<62|uint64(v))
}

// parseVarint returns the value at the start of b and its length in bytes. The
// length is zero if b does not start with the shortest encoding of a value below
// 2^32.
func parseVarint(b []byte) (v uint32, n int) {
	if len(b) == 0 {
		return 0, 0
	}
	n = 1 << (b[0] >> 6)
	if len(b) < n {
		return 0, 0
	}
	switch n {
	case 1:
		return uint32(b[0]), 1
	case 2:
		v = uint32(binary.BigEndian.Uint16(b) & (1<<14 - 1))
	case 4:
		v = binary.BigEndian.Uint32(b) & (1<<30 - 1)
	case 8:
		w := binary.BigEndian.Uint64(b) & (1<<62 - 1)
		if w >= 1<<32 {
			return 0, 0
		}
		v = uint32(w)
	}
	if varintSize(v) != n {
		return 0, 0
	}
	return v, n
}
