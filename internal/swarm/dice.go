package swarm

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"time"
)

// dice draws a scenario. Unlike rand.Rand it draws the same numbers whatever the
// size of int.
type dice struct{ source *rand.ChaCha8 }

func newDice(seed uint64) dice {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	copy(key[8:], "intentra swarm")
	return dice{rand.NewChaCha8(key)}
}

// below returns a number from 0 to n-1.
func (d dice) below(n int) int {
	high, _ := bits.Mul64(d.source.Uint64(), uint64(n))
	return int(high)
}

// between returns a number from low to high, inclusive.
func (d dice) between(low, high int) int { return low + d.below(high-low+1) }

// share returns a number from 0 to 1 with three digits.
func (d dice) share(most float64) float64 {
	return float64(int(most*1000*float64(d.below(1001))/1000)) / 1000
}

// one returns true once in n times.
func (d dice) one(n int) bool { return d.below(n) == 0 }

// pick returns one of the choices.
func pick[T any](d dice, choices ...T) T { return choices[d.below(len(choices))] }

// time returns a duration with a random magnitude: it is as often from 1 to 2 ms
// as from 1 to 2 s.
func (d dice) time(low, high time.Duration) time.Duration {
	magnitudes := bits.Len64(uint64(high / low))
	t := low << d.below(max(magnitudes, 1))
	t += time.Duration(d.below(1000)) * t / 1000
	return min(t, high).Round(time.Millisecond)
}
