// Package roster is a list whose readers get a snapshot of it.
package roster

import (
	"sync"
	"sync/atomic"
)

// Roster lists elements in the order in which they were added. Adding and removing
// take constant time and four bytes in the element, and the list is copied only
// when a reader asks for it after a change. Its methods may be called from any
// goroutine.
type Roster[E any] struct {
	// place returns where an element keeps its index in entries plus one, which is
	// zero while it is not in the roster. It is accessed under mu alone.
	place func(*E) *int32

	mu      sync.Mutex
	entries []*E // nil where one was removed
	gaps    int  // how many are nil
	copied  atomic.Pointer[[]*E]
}

// New returns an empty roster. place returns a field of an element that belongs to
// this roster and is zero at first.
func New[E any](place func(*E) *int32) *Roster[E] { return &Roster[E]{place: place} }

// Snapshot returns the elements. Readers share the slice and must not change it.
// It allocates only if the roster has changed since the last call.
func (r *Roster[E]) Snapshot() []*E {
	if s := r.copied.Load(); s != nil {
		return *s
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := make([]*E, 0, len(r.entries)-r.gaps)
	for _, e := range r.entries {
		if e != nil {
			s = append(s, e)
		}
	}
	r.copied.Store(&s)
	return s
}

// Add appends e, which must not be in the roster.
func (r *Roster[E]) Add(e *E) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, e)
	*r.place(e) = int32(len(r.entries))
	r.copied.Store(nil)
}

// Remove removes e if it is in the roster.
func (r *Roster[E]) Remove(e *E) {
	r.mu.Lock()
	defer r.mu.Unlock()
	place := r.place(e)
	if *place == 0 {
		return
	}
	r.entries[*place-1] = nil
	*place = 0
	r.gaps++
	r.copied.Store(nil)
	if r.gaps > len(r.entries)/2 {
		r.compact()
	}
}

// compact closes the gaps. It moves fewer elements than have been removed since it
// last ran, so each removal pays for at most one move.
func (r *Roster[E]) compact() {
	kept := r.entries[:0]
	for _, e := range r.entries {
		if e != nil {
			kept = append(kept, e)
			*r.place(e) = int32(len(kept))
		}
	}
	clear(r.entries[len(kept):])
	r.entries, r.gaps = kept, 0
}

// Clear removes all elements.
func (r *Roster[E]) Clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.entries {
		if e != nil {
			*r.place(e) = 0
		}
	}
	r.entries, r.gaps = nil, 0
	r.copied.Store(nil)
}
