// Package ring is a first-in, first-out queue in a slice.
package ring

// minSlots is the capacity of the smallest ring. Larger ones have twice as many
// slots each: always a power of two.
const minSlots = 8

// Ring is a first-in, first-out queue that grows as it is used and never
// shrinks. It reuses its slots, so that once grown it allocates nothing. The zero
// value is empty. It is not safe for concurrent use.
type Ring[T any] struct {
	slots   []T
	head, n int
}

// Len returns the number of elements.
func (r *Ring[T]) Len() int { return r.n }

// Cap returns the number of slots.
func (r *Ring[T]) Cap() int { return len(r.slots) }

// Push adds an element at the back and returns its slot, for the caller to fill
// in before the next call. The slot holds what an element that was popped has
// left there, or a zero T: a buffer in it can be used again.
func (r *Ring[T]) Push() *T {
	if r.n == len(r.slots) {
		slots := make([]T, max(minSlots, 2*len(r.slots)))
		copied := copy(slots, r.slots[r.head:])
		copy(slots[copied:], r.slots[:r.head])
		r.slots, r.head = slots, 0
	}
	r.n++
	return r.Back()
}

// Pop removes the first element and returns its slot, which is valid until the
// next Push. It panics if the ring is empty.
func (r *Ring[T]) Pop() *T {
	front := r.Front()
	r.head = (r.head + 1) & (len(r.slots) - 1)
	r.n--
	return front
}

// Front returns the first element. It panics if the ring is empty.
func (r *Ring[T]) Front() *T {
	if r.n == 0 {
		panic("ring: empty")
	}
	return &r.slots[r.head]
}

// Back returns the last element. It panics if the ring is empty.
func (r *Ring[T]) Back() *T {
	if r.n == 0 {
		panic("ring: empty")
	}
	return &r.slots[(r.head+r.n-1)&(len(r.slots)-1)]
}
