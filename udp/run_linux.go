package udp

import (
	"net/netip"
	"syscall"
	"unsafe"

	"github.com/intentra/intentra/wire"
)

// A run is a sequence of datagrams of a batch that is sent as one message, which the
// kernel or the network card splits again (UDP_SEGMENT, "GSO"). So they pass through
// the kernel once, which is the largest part of the cost. All have the same address
// and length, except that the last may be shorter.
type run struct {
	addr    netip.AddrPort
	local   netip.Addr
	first   int // index in the caller's batch
	count   int
	segment int // length of each datagram except the last
	bytes   int // total length
	iovs    int
	loose   bool // IP may fragment it; it is a single datagram
}

const (
	// maxSegments is UDP_MAX_SEGMENTS of kernels before 6.9. Later ones allow
	// 128.
	maxSegments = 64
	// maxRun is the maximum length of a message in bytes, so that it fits the
	// 16-bit length of an IP packet with the longest headers.
	maxRun = 65_000
	// iovsPerRun is the average number of iovecs per message of a batch.
	// Datagrams that are contiguous in memory share one.
	iovsPerRun = 8
)

// extend appends d to r, the last run, if possible, and reports whether it did.
func (s *sender) extend(r *run, d *wire.Datagram) bool {
	switch {
	case !s.gso.Load() || s.next < s.plain || r.first < s.plain:
		return false
	case r.count == maxSegments || len(d.Data) == 0 || len(d.Data) > r.segment || r.bytes+len(d.Data) > maxRun:
		return false
	case r.bytes != r.count*r.segment || r.first+r.count != s.next || r.addr != d.Addr || r.local != d.Local:
		return false // ended by a shorter or lost datagram, or of another address
	}
	last, base := &s.iovs[s.iovsUsed-1], unsafe.SliceData(d.Data)
	if uintptr(unsafe.Pointer(last.Base))+uintptr(last.Len) == uintptr(unsafe.Pointer(base)) {
		last.SetLen(int(last.Len) + len(d.Data)) // contiguous
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

// split makes the datagrams of the next run be sent one by one, after the kernel
// rejected the run because of one of them or because of GSO.
func (s *sender) split(errno syscall.Errno) {
	r := &s.runs[s.from]
	s.suspect = 0
	switch errno {
	case syscall.EIO:
		// The interface cannot checksum segments. Most addresses use the same
		// one.
		s.gso.Store(false)
	case syscall.EINVAL:
		s.suspect = r.segment
	}
	s.next, s.plain = r.first, r.first+r.count
	s.from, s.to = 0, 0
}

// acquit disables GSO if the sent message r shows that GSO was the reason for an
// invalid run: if r is a datagram of that run and as long as its segments. A shorter
// one shows nothing, because the segments may be too long for the route.
func (s *sender) acquit(r *run) {
	if s.suspect > 0 && r.first < s.plain && r.segment == s.suspect {
		s.suspect = 0
		s.gso.Store(false)
	}
}

// convict clears the suspicion against GSO if the rejected datagram r of an invalid
// run is too long for the route, which explains the error for the run.
func (s *sender) convict(r *run, errno syscall.Errno) {
	if errno == syscall.EMSGSIZE && r.first < s.plain {
		s.suspect = 0
	}
}
