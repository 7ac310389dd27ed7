package udp

import (
	"net/netip"
	"syscall"
	"unsafe"

	"github.com/intentra/intentra/wire"
)

// A run is consecutive datagrams of a batch that travel as one message, which
// the kernel, or the network card, cuts apart again (UDP_SEGMENT, "GSO"): the
// path through the kernel, which costs more than all the rest, is walked once.
// All go to one address and have one length, but the last may be shorter.
type run struct {
	addr    netip.AddrPort
	local   netip.Addr
	first   int // index in the caller's batch
	count   int
	segment int // bytes of each but the last
	bytes   int // of all
	iovs    int
}

const (
	// maxSegments is UDP_MAX_SEGMENTS of kernels before 6.9; since then it is
	// twice that.
	maxSegments = 64
	// maxRun is the most bytes of a message: what fits the 16-bit length of
	// an IP packet with the longest header that it may get.
	maxRun = 65_000
	// iovsPerRun is how many pieces of memory there are for each message of a
	// batch, on average; datagrams that lie back to back are one piece.
	iovsPerRun = 8
)

// extend adds d to r, the last run, if it belongs there.
func (s *sender) extend(r *run, d *wire.Datagram) bool {
	switch {
	case !s.gso.Load() || s.next < s.plain || r.first < s.plain:
		return false
	case r.count == maxSegments || len(d.Data) == 0 || len(d.Data) > r.segment || r.bytes+len(d.Data) > maxRun:
		return false
	case r.bytes != r.count*r.segment || r.first+r.count != s.next || r.addr != d.Addr || r.local != d.Local:
		return false // ended by a shorter one, or by one that was lost
	}
	last, base := &s.iovs[s.iovsUsed-1], unsafe.SliceData(d.Data)
	if uintptr(unsafe.Pointer(last.Base))+uintptr(last.Len) == uintptr(unsafe.Pointer(base)) {
		last.SetLen(int(last.Len) + len(d.Data)) // they lie back to back
	} else {
		if s.iovsUsed == len(s.iovs) {
			return false
		}
		s.iovs[s.iovsUsed].Base = base
		s.iovs[s.iovsUsed].SetLen(len(d.Data))
		s.iovsUsed++
		r.iovs++
	}
	r.count++
	r.bytes += len(d.Data)
	i := s.to - 1
	h, c := &s.hdrs[i], &s.controls[i]
	h.SetIovlen(r.iovs)
	c.setSegment(r.segment)
	c.attach(h)
	return true
}

// split has the datagrams of the next run sent one by one, because the kernel
// refuses the run: for the sake of one of them, or of GSO.
func (s *sender) split(errno syscall.Errno) {
	r := &s.runs[s.from]
	s.suspect = 0
	switch errno {
	case syscall.EIO:
		// The way out cannot checksum segments; it is that of most addresses.
		s.gso.Store(false)
	case syscall.EINVAL:
		s.suspect = r.segment
	}
	s.next, s.plain = r.first, r.first+r.count
	s.from, s.to = 0, 0
}

// acquit looks at a message that was sent. If it is one datagram of a run that
// was invalid, as long as the segments of that, then GSO is what was invalid. A
// shorter one proves nothing: the segments may be too long for the route.
func (s *sender) acquit(r *run) {
	if s.suspect > 0 && r.first < s.plain && r.segment == s.suspect {
		s.suspect = 0
		s.gso.Store(false)
	}
}

// convict looks at a datagram that was refused. If it is one of a run that was
// invalid, and too long for the route, then so was the run, and not for GSO.
func (s *sender) convict(r *run, errno syscall.Errno) {
	if errno == syscall.EMSGSIZE && r.first < s.plain {
		s.suspect = 0
	}
}
