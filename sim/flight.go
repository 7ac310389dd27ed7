package sim

import (
	"math/bits"
	"net/netip"
	"time"

	"github.com/intentra/intentra/pipeline"
)

// maxFlying is the most datagrams under way at a time. More are dropped, as if a
// queue had overflowed.
const maxFlying = 1 << 20

// flight is a datagram under way.
type flight struct {
	from, to netip.AddrPort
	route    *route
	data     []byte
	class    int // of its buffer
	next     *flight
}

// spare holds flights to be reused, by the size of their buffers: two to the
// power of the class.
type spare [17]*flight

func (s *spare) take(n int) *flight {
	class := bits.Len(uint(max(n, 1) - 1))
	if class >= len(s) {
		// Longer than any datagram, which an adversary may inject.
		return &flight{data: make([]byte, n), class: -1}
	}
	f := s[class]
	if f == nil {
		return &flight{data: make([]byte, n, 1<<class), class: class}
	}
	s[class], f.next = f.next, nil
	f.data = f.data[:n]
	return f
}

func (s *spare) give(f *flight) {
	if f.class < 0 {
		return
	}
	f.route = nil
	f.next, s[f.class] = s[f.class], f
}

// launch makes a copy of the datagram arrive after d.
func (w *World) launch(r *route, from, to netip.AddrPort, data []byte, d time.Duration) *flight {
	if w.flying >= w.most {
		r.stats.Overflowed++
		return nil
	}
	f := w.spare.take(len(data))
	copy(f.data, data)
	f.from, f.to, f.route = from, to, r
	w.flying++
	r.stats.InFlight++
	w.put(event{at: w.now + pipeline.Time(d), flight: f})
	return f
}

// arrive delivers a datagram to the node that has the address now.
func (w *World) arrive(f *flight) {
	r := f.route
	w.cross(r)
	w.flying--
	r.stats.InFlight--
	if n := w.byAddr[f.to]; n != nil && n.Running() && !n.paused {
		r.stats.Arrived++
		n.proc.receive(f.data, f.from, n.local(f.to))
	} else {
		r.stats.Missed++
	}
	w.spare.give(f)
}

// unmapped returns the address in the form by which nodes are found: an IPv4
// address is not mapped into IPv6.
func unmapped(a netip.AddrPort) netip.AddrPort {
	if a.Addr().Is4In6() {
		return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}
	return a
}
