package main

import (
	"bytes"
	"encoding/binary"

	"github.com/intentra/intentra/internal/load"
)

// state is one update that a peer of the demo publishes. Its bytes are
//
//	0-11   load.Stamp; the ID is the number of the publisher
//	12-19  sequence number from 0, little-endian
//	20-    pseudo-random bytes derived from the others
//
// so that a receiver detects every byte that has changed on the way.
type state struct {
	load.Stamp
	sequence uint64
}

const (
	stateHeader = load.StampSize + 8
	// minState leaves at least four derived bytes, which distinguish a state
	// from random bytes.
	minState = stateHeader + 4
)

// fill writes s to all of b, which has at least minState bytes.
func (s state) fill(b []byte) {
	s.Put(b)
	binary.LittleEndian.PutUint64(b[load.StampSize:], s.sequence)
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
	if len(b) != size || size < minState {
		return s, false
	}
	s.Stamp, _ = load.ReadStamp(b) // b is long enough
	s.sequence = binary.LittleEndian.Uint64(b[load.StampSize:])
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

// splitMix is the SplitMix64 generator: fast, and its output resembles no pattern
// that a fault on the way would produce.
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

// body returns the generator of the derived bytes.
func (s state) body() splitMix {
	return splitMix(mix(mix(mix(uint64(s.ID)+1)+s.sequence) + uint64(s.At)))
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
