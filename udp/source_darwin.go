package udp

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sourceRoom is the size in bytes of portable's buffer for control messages: that of
// struct in6_pktinfo, the larger of the two kinds.
var sourceRoom = unix.CmsgSpace(unix.SizeofInet6Pktinfo)

// enableSource makes the kernel report the local address of each datagram.
func enableSource(fd uintptr, ipv6 bool) error {
	if ipv6 {
		return unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
	}
	return unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVPKTINFO, 1)
}

// parseSource returns the local address in control messages, or the zero Addr.
func parseSource(control []byte) netip.Addr {
	if len(control) < unix.SizeofCmsghdr {
		return netip.Addr{}
	}
	h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(control)))
	value := control[min(unix.CmsgLen(0), len(control)):min(int(h.Len), len(control))]
	switch {
	case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(value) >= unix.SizeofInet4Pktinfo:
		return netip.AddrFrom4([4]byte(value[4:8]))
	case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(value) >= unix.SizeofInet6Pktinfo:
		return netip.AddrFrom16([16]byte(value[:16])).Unmap()
	}
	return netip.Addr{}
}

// source encodes the control message that sets the source address. The slice is valid
// until the next call.
type source struct {
	_    [0]uint64 // aligned like struct cmsghdr
	data [64]byte
}

func (s *source) message(local netip.Addr, ipv6 bool) []byte {
	clear(s.data[:])
	h := (*unix.Cmsghdr)(unsafe.Pointer(&s.data[0]))
	value := s.data[unix.CmsgLen(0):]
	switch {
	case ipv6:
		h.Level, h.Type = unix.IPPROTO_IPV6, unix.IPV6_PKTINFO
		h.SetLen(unix.CmsgLen(unix.SizeofInet6Pktinfo))
		a := local.As16() // maps IPv4, as a dual-stack socket expects
		copy(value, a[:])
		return s.data[:unix.CmsgSpace(unix.SizeofInet6Pktinfo)]
	case local.Is4():
		h.Level, h.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
		h.SetLen(unix.CmsgLen(unix.SizeofInet4Pktinfo))
		a := local.As4()
		copy(value[4:], a[:])
		return s.data[:unix.CmsgSpace(unix.SizeofInet4Pktinfo)]
	}
	return nil
}
