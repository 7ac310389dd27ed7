package conn

import (
	"net/netip"
	"time"

	"github.com/intentra/intentra/internal/list"
)

// holder is an address with entries in a table: handshakes in flight, or dialers that
// wait for theirs.
type holder[T any] struct {
	addr    netip.Addr
	entries list.List[T]          // oldest first
	place   list.Node[*holder[T]] // in its rank
	turn    list.Node[*holder[T]] // in waiting.turns
	trip    time.Duration         // of its handshakes; see patience
}

// seat is the place of an entry in its holder.
type seat[T any] struct {
	holder *holder[T]
	place  list.Node[T]
}

// holders ranks addresses by the number of their entries, so that finding the one with
// the most takes constant time.
type holders[T any] struct {
	byAddr map[netip.Addr]*holder[T]
	ranks  []*list.List[*holder[T]] // ranks[n] has those with n, longest there first
	top    int                      // the highest rank that is not empty, or zero
}

func (h *holders[T]) init() {
	h.byAddr = make(map[netip.Addr]*holder[T])
	h.ranks = []*list.List[*holder[T]]{new(list.List[*holder[T]])}
}

// count returns the number of entries of the address.
func (h *holders[T]) count(src netip.Addr) int {
	if o := h.byAddr[src]; o != nil {
		return o.entries.Len()
	}
	return 0
}

// most returns the address with the most entries, or nil if none has more than held.
// Of several such addresses it takes the one that has had that many for longest.
func (h *holders[T]) most(held int) *holder[T] {
	if h.top <= held {
		return nil
	}
	return h.ranks[h.top].Front().Value
}

// add adds an entry with the given seat and returns its holder.
func (h *holders[T]) add(src netip.Addr, s *seat[T], entry T) *holder[T] {
	o := h.byAddr[src]
	if o == nil {
		o = &holder[T]{addr: src}
		o.place.Value, o.turn.Value = o, o
		h.byAddr[src] = o
	}
	h.leave(o)
	s.holder, s.place.Value = o, entry
	o.entries.PushBack(&s.place)
	h.enter(o)
	return o
}

func (h *holders[T]) remove(s *seat[T]) {
	o := s.holder
	h.leave(o)
	o.entries.Remove(&s.place)
	s.holder = nil
	if o.entries.Len() == 0 {
		delete(h.byAddr, o.addr)
		return
	}
	h.enter(o)
}

// leave removes o from its rank, before its number of entries changes by one.
func (h *holders[T]) leave(o *holder[T]) {
	if n := o.entries.Len(); n > 0 {
		h.ranks[n].Remove(&o.place)
		if h.top == n && h.ranks[n].Len() == 0 {
			h.top-- // where o will be, unless it had one or will have more
		}
	}
}

// enter adds o to its rank, after the change.
func (h *holders[T]) enter(o *holder[T]) {
	n := o.entries.Len()
	if n == len(h.ranks) {
		h.ranks = append(h.ranks, new(list.List[*holder[T]]))
	}
	h.ranks[n].PushBack(&o.place)
	h.top = max(h.top, n)
}
