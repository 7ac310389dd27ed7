package intentra

import (
	"sync"
	"sync/atomic"
)

// roster lists peers in the order in which they came. They come and go at a
// constant cost each, and a copy for readers is made only when one is asked for.
// The zero value is empty. It may be used from any goroutine.
type roster struct {
	number  int // which of a peer's places it uses
	mu      sync.Mutex
	entries []*Peer // nil where one has left
	left    int     // of those
	copied  atomic.Pointer[[]*Peer]
}

// snapshot returns the list as it is now. It is shared: not to be changed. It
// allocates only if a peer has come or gone since the last call.
func (r *roster) snapshot() []*Peer {
	if s := r.copied.Load(); s != nil {
		return *s
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*Peer, 0, len(r.entries)-r.left)
	for _, p := range r.entries {
		if p != nil {
			list = append(list, p)
		}
	}
	r.copied.Store(&list)
	return list
}

// add appends p, which must not be in the list.
func (r *roster) add(p *Peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, p)
	p.places[r.number] = int32(len(r.entries))
	r.copied.Store(nil)
}

// remove takes p out, if it is in.
func (r *roster) remove(p *Peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	place := &p.places[r.number]
	if *place == 0 {
		return
	}
	r.entries[*place-1] = nil
	*place = 0
	r.left++
	r.copied.Store(nil)
	if r.left > len(r.entries)/2 {
		r.compact()
	}
}

// compact closes the gaps. It moves fewer peers than have left since the last
// time, so that each departure pays for at most one move.
func (r *roster) compact() {
	kept := r.entries[:0]
	for _, p := range r.entries {
		if p != nil {
			kept = append(kept, p)
			p.places[r.number] = int32(len(kept))
		}
	}
	clear(r.entries[len(kept):])
	r.entries, r.left = kept, 0
}

// clear empties the list.
func (r *roster) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.entries {
		if p != nil {
			p.places[r.number] = 0
		}
	}
	r.entries, r.left = nil, 0
	r.copied.Store(nil)
}
