package udp

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// sourceRoom is the size in bytes of portable's buffer for control messages.
const sourceRoom = spacePktinfo

// enableSource makes the kernel report the local address of each datagram.
func enableSource(fd uintptr, ipv6 bool) error {
	if ipv6 {
		return enablePktinfo(int(fd), unix.AF_INET6)
	}
	return enablePktinfo(int(fd), unix.AF_INET)
}

// parseSource returns the local address in control messages, or the zero Addr.
func parseSource(control []byte) netip.Addr { return parseControl(control).local }

// source encodes the control message that sets the source address. The slice is valid
// until the next call.
type source struct{ control sendControl }

func (s *source) message(local netip.Addr, ipv6 bool) []byte {
	family := uint16(unix.AF_INET)
	if ipv6 {
		family = unix.AF_INET6
	}
	s.control.reset()
	s.control.setSource(local, family)
	return s.control.data[:s.control.used]
}
