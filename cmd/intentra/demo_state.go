package main

import (
	"bytes"
	"encoding/binary"
	"time"
)

// state is one update of a demo's publisher. On the wire it is
//
//	0-3    publisher
//	4-11   sequence, from 0
//	12-19  time of sending in nanoseconds since the demo began
//	20-    pseudo-random bytes that follow from the rest
//
// so that a receiver can tell each byte that has changed on the way.
type state struct {
	publisher uint32
	sequence  uint64
	sent      time.Duration
}

const (
	stateHeader = 20
	// minState leaves at least four bytes by which a state can be told from
	// random ones.
	minState = stateHeader + 4
)

// fill writes s over all of b, which has at least minState bytes.
func (s state) fill(b []byte) {
	binary.BigEndian.PutUint32(b, s.publisher)
	binary.BigEndian.PutUint64(b[4:], s.sequence)
	binary.BigEndian.PutUint64(b[12:], uint64(s.sent))
	r := s.body()
	for b = b[stateHeader:]; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, r.next())
	}
	var last [8]byte
	binary.LittleEndian.PutUint64(last[:], r.next())
	copy(b, last[:])
}

// readState reads a state of the given size. ok is false if it is not byte for
// byte what fill has written.
func readState(b []byte, size int) (s state, ok bool) {
	if len(b) != size || size < minState {
		return s, false
	}
	s.publisher = binary.BigEndian.Uint32(b)
	s.sequence = binary.BigEndian.Uint64(b[4:])
	s.sent = time.Duration(binary.BigEndian.Uint64(b[12:]))
	r := s.body()
	for b = b[stateHeader:]; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b) != r.next() {
			return s, false
		}
	}
	var last [8]byte
	binary.LittleEndian.PutUint64(last[:], r.next())
	return s, bytes.Equal(b, last[:len(b)])
}

// splitMix is the SplitMix64 generator: fast, and far from any pattern that a
// fault on the way would copy.
type splitMix uint64

func (r *splitMix) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	return mix(uint64(*r))
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// body returns the generator of the bytes behind the header.
func (s state) body() splitMix {
	return splitMix(mix(mix(mix(uint64(s.publisher)+1)+s.sequence) + uint64(s.sent)))
}

// arrivals tells repeated sequences of one publisher from new ones, looking
// back 32. The zero value is ready to use.
type arrivals struct {
	next uint32 // one above the highest so far, modulo 2^32
	seen uint32 // bit i: next-1-i has arrived
}

// repeated records the arrival of sequence, and reports whether it had arrived
// before. Of what is more than 32 behind it says no.
func (a *arrivals) repeated(sequence uint64) bool {
	n := uint32(sequence)
	if ahead := int32(n - a.next); ahead >= 0 {
		// Shifts of 32 and more give zero, as they should.
		a.seen = a.seen<<1<<uint32(ahead) | 1
		a.next = n + 1
		return false
	}
	bit := uint32(1) << (a.next - 1 - n)
	again := a.seen&bit != 0
	a.seen |= bit
	return again
}
