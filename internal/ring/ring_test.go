package ring

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
)

// A ring behaves like a slice, and is never more than twice as large as the most
// elements that it has held, or eight.
func TestRingAgainstASlice(t *testing.T) {
	random := seed.Rand(t)
	var r Ring[int]
	var model []int
	most := 0
	for i := range 20_000 {
		if len(model) > 0 && random.IntN(100) < 49 {
			require.Equal(t, model[0], *r.Front())
			require.Equal(t, model[0], *r.Pop())
			model = model[1:]
		} else {
			*r.Push() = i
			model = append(model, i)
		}
		require.Equal(t, len(model), r.Len())
		if len(model) > 0 {
			require.Equal(t, model[0], *r.Front())
			require.Equal(t, model[len(model)-1], *r.Back())
		}
		most = max(most, len(model))
	}
	require.LessOrEqual(t, r.Cap(), max(minSlots, 2*most))
	for _, want := range model {
		require.Equal(t, want, *r.Pop())
	}
}

// The buffers in the slots are there again when the slots are.
func TestSlotsKeepTheirBuffers(t *testing.T) {
	var r Ring[[]byte]
	payload := make([]byte, 100)
	through := func() {
		slot := r.Push()
		*slot = append((*slot)[:0], payload...)
		r.Pop()
	}
	through()
	for range r.Cap() - 1 {
		through() // each slot gets its buffer when it is first used
	}
	require.Zero(t, testing.AllocsPerRun(100, through))
}

func TestEmptyRingPanics(t *testing.T) {
	var r Ring[int]
	r.Push()
	r.Pop()
	require.Panics(t, func() { r.Pop() })
	require.Panics(t, func() { r.Front() })
	require.Panics(t, func() { r.Back() })
	require.Zero(t, r.Len())
}
