package udp

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// sourceRoom is how many bytes of control messages portable reads.
const sourceRoom = spacePktinfo

// enableSource has the kernel tell the local address of each datagram.
func enableSource(fd uintptr, ipv6 bool) error {
	if ipv6 {
		return enablePktinfo(int(fd), unix.AF_INET6)
	}
	return enablePktinfo(int(fd), unix.AF_INET)
}

// parseSource returns the local address that control messages name, the zero
// Addr if they name none.
func parseSource(control []byte) netip.Addr { return parseControl(control).local }

// source makes the control message that asks for a source address. The slice
// is good until the next call.
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
