package udp

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// sizeofSockaddr is the size in bytes of the larger kind of address.
const sizeofSockaddr = unix.SizeofSockaddrInet6

// sockaddr is a struct sockaddr_in or sockaddr_in6 as in ip(7) and ipv6(7). Family and
// scope are in native byte order, port and address in network byte order.
//
//	0-1    family
//	2-3    port
//	4-7    IPv4 address, or IPv6 flow label
//	8-23   IPv6 address
//	24-27  IPv6 scope: index of the interface
type sockaddr [sizeofSockaddr]byte

// encode writes ap as an address for a socket of the given family and returns its
// size. ok is false if such a socket cannot send to ap.
func (s *sockaddr) encode(ap netip.AddrPort, family uint16, z *zones) (size uint32, ok bool) {
	if !sendable(ap) {
		return 0, false
	}
	addr := ap.Addr().Unmap()
	binary.NativeEndian.PutUint16(s[0:], family)
	binary.BigEndian.PutUint16(s[2:], ap.Port())
	if family == unix.AF_INET {
		if !addr.Is4() {
			return 0, false
		}
		a := addr.As4()
		copy(s[4:], a[:])
		return unix.SizeofSockaddrInet4, true
	}
	a := addr.As16() // maps IPv4, as a dual-stack socket expects
	copy(s[8:], a[:])
	var scope uint32
	if addr.Zone() != "" && linkLocal(addr) {
		if scope, ok = z.index(addr.Zone()); !ok {
			return 0, false
		}
	}
	binary.NativeEndian.PutUint32(s[4:], 0)
	binary.NativeEndian.PutUint32(s[24:], scope)
	return unix.SizeofSockaddrInet6, true
}

// decode returns the normalized address of size bytes that the kernel wrote. ok is
// false if it is of neither family.
func (s *sockaddr) decode(size uint32, z *zones) (ap netip.AddrPort, ok bool) {
	port := binary.BigEndian.Uint16(s[2:])
	switch family := binary.NativeEndian.Uint16(s[0:]); {
	case family == unix.AF_INET && size == unix.SizeofSockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(s[4:8])), port), true
	case family == unix.AF_INET6 && size == unix.SizeofSockaddrInet6:
		addr := netip.AddrFrom16([16]byte(s[8:24])).Unmap()
		if scope := binary.NativeEndian.Uint32(s[24:]); scope != 0 && linkLocal(addr) {
			addr = addr.WithZone(z.name(scope))
		}
		return netip.AddrPortFrom(addr, port), true
	}
	return ap, false
}
