package load

import "encoding/binary"

// state is one message of a Mesh. Its bytes are
//
//	0-11   Stamp; the ID is the number of the sender
//	12-19  sequence number from 0, little-endian
//	20-    pseudo-random bytes derived from the others
//
// so that a receiver detects every byte that has changed on the way.
type state struct {
	Stamp
	sequence uint64
}

const (
	stateHeader = StampSize + 8
	// MinState is the least size of a state in bytes. It leaves at least four derived
	// bytes, which distinguish a state from random bytes.
	MinState = stateHeader + 4
)

// fill writes s to all of b, which has at least MinState bytes.
func (s state) fill(b []byte) {
	s.Put(b)
	binary.LittleEndian.PutUint64(b[StampSize:], s.sequence)
	r := s.body()
	for b = b[stateHeader:]; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, r.next())
	}
	var last [8]byte
	binary.LittleEndian.PutUint64(last[:], r.next())
	copy(b, last[:])
}

// readState reads a state of the given size. ok is false unless b is exactly
// what fill writes for it.
func readState(b []byte, size int) (s state, ok bool) {
	if len(b) != size || size < MinState {
		return s, false
	}
	s.Stamp, _ = ReadStamp(b) // b is long enough
	s.sequence = binary.LittleEndian.Uint64(b[StampSize:])
	r := s.body()
	end := binary.LittleEndian.Uint64(b[len(b)-8:])
	for b = b[stateHeader:]; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b) != r.next() {
			return s, false
		}
	}
	// The rest, of less than eight bytes, is the last part of end.
	rest := 8 * uint(len(b))
	return s, end>>(64-rest) == r.next()&(1<<rest-1)
}

// words generates the derived bytes, eight at a time: a counter, whose values a multiplication
// spreads over all bits. It is fast, because a receiver of millions of states a second checks
// each of them, and its output resembles no pattern that a fault on the way would
// produce.
type words uint64

func (r *words) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := (uint64(*r) ^ uint64(*r)>>32) * 0xd6e8feb86659fd93
	return z ^ z>>32
}

// body returns the generator of the derived bytes.
func (s state) body() words {
	z := (uint64(s.ID)+1)*0xbf58476d1ce4e5b9 + s.sequence*0x94d049bb133111eb + uint64(s.At)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	return words(z ^ z>>27)
}

// arrivals detects repeated sequence numbers of one publisher among the latest
// 32. The zero value is ready to use.
type arrivals struct {
	next uint32 // one above the highest so far, modulo 2^32
	seen uint32 // bit i is set if next-1-i has arrived
}

// repeated records the arrival of sequence and reports whether it had arrived
// before. It returns false for a number more than 32 behind the highest.
func (a *arrivals) repeated(sequence uint64) bool {
	n := uint32(sequence)
	if ahead := int32(n - a.next); ahead >= 0 {
		// A shift of 32 or more gives zero, as it should.
		a.seen = a.seen<<1<<uint32(ahead) | 1
		a.next = n + 1
		return false
	}
	bit := uint32(1) << (a.next - 1 - n)
	again := a.seen&bit != 0
	a.seen |= bit
	return again
}
