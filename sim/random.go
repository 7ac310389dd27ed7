package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// stream returns the random numbers for the labels. Streams of different labels
// are independent.
func (w *World) stream(labels ...string) *rand.ChaCha8 {
	b := binary.LittleEndian.AppendUint64(nil, w.seed)
	for _, l := range labels {
		b = binary.LittleEndian.AppendUint64(b, uint64(len(l)))
		b = append(b, l...)
	}
	return rand.NewChaCha8(sha256.Sum256(b))
}

// dice makes random decisions from a stream. Unlike rand.Rand it draws the same
// numbers whatever the size of int.
type dice struct{ *rand.ChaCha8 }

// chance returns true with probability p. It draws a number only if p is neither
// 0 nor 1.
func (d dice) chance(p float64) bool {
	if p <= 0 || p >= 1 {
		return p > 0
	}
	return float64(d.Uint64()>>11)/(1<<53) < p
}

// below returns a number from 0 to n-1, or 0 if n is 0.
func (d dice) below(n uint64) uint64 {
	high, _ := bits.Mul64(d.Uint64(), n)
	return high
}
