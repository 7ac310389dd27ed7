package conn

import (
	"net/netip"

	"github.com/intentra/intentra/internal/list"
)

// holder is an address with handshakes in flight.
type holder struct {
	addr   netip.Addr
	halves list.List[*halfOpen] // oldest first
	seats  []*halfOpen          // the same in no order, for a random choice
	place  list.Node[*holder]   // in its rank
}

// holders ranks addresses by how many handshakes they hold, so that finding the one
// that holds the most takes constant time.
type holders struct {
	byAddr map[netip.Addr]*holder
	ranks  []*list.List[*holder] // ranks[n] has those with n, longest there first
	top    int                   // the highest rank that is not empty, or zero
}

func (h *holders) init() {
	h.byAddr = make(map[netip.Addr]*holder)
	h.ranks = []*list.List[*holder]{new(list.List[*holder])}
}

func (h *holders) count(src netip.Addr) int {
	if o := h.byAddr[src]; o != nil {
		return o.halves.Len()
	}
	return 0
}

// at returns a handshake of the address; seat is less than their count.
func (h *holders) at(src netip.Addr, seat int) *halfOpen { return h.byAddr[src].seats[seat] }

// oldest returns the oldest handshake of the address that holds the most, or nil if
// none holds more than held. Of several such addresses it takes the one that has
// held that many for longest.
func (h *holders) oldest(held int) *halfOpen {
	if h.top <= held {
		return nil
	}
	o := h.ranks[h.top].Front().Value
	return o.halves.Front().Value
}

func (h *holders) add(half *halfOpen) {
	src := source(half.key.addr)
	o := h.byAddr[src]
	if o == nil {
		o = &holder{addr: src}
		o.place.Value = o
		h.byAddr[src] = o
	}
	h.leave(o)
	half.holder, half.place.Value = o, half
	o.halves.PushBack(&half.place)
	half.seat = len(o.seats)
	o.seats = append(o.seats, half)
	h.enter(o)
}

func (h *holders) remove(half *halfOpen) {
	o := half.holder
	h.leave(o)
	o.halves.Remove(&half.place)
	last := len(o.seats) - 1
	o.seats[half.seat] = o.seats[last]
	o.seats[half.seat].seat = half.seat
	o.seats[last], o.seats = nil, o.seats[:last]
	half.holder = nil
	if o.halves.Len() == 0 {
		delete(h.byAddr, o.addr)
		return
	}
	h.enter(o)
}

// leave removes o from its rank, before its number of handshakes changes by one.
func (h *holders) leave(o *holder) {
	if n := o.halves.Len(); n > 0 {
		h.ranks[n].Remove(&o.place)
		if h.top == n && h.ranks[n].Len() == 0 {
			h.top-- // where o will be, unless it held one or will hold more
		}
	}
}

// enter adds o to its rank, after the change.
func (h *holders) enter(o *holder) {
	n := o.halves.Len()
	if n == len(h.ranks) {
		h.ranks = append(h.ranks, new(list.List[*holder]))
	}
	h.ranks[n].PushBack(&o.place)
	h.top = max(h.top, n)
}
