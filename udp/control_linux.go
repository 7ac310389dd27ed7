package udp

import (
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// receiveControl has room for exactly the control messages that the socket enables.
// The kernel truncates any others and sets MSG_CTRUNC.
type receiveControl struct {
	_    [0]uint64 // aligned like struct cmsghdr
	data [sizeofReceiveControl]byte
}

const (
	sizeofCmsghdr  = unix.SizeofCmsghdr
	sizeofWord     = int(unsafe.Sizeof(uintptr(0))) // CMSG_ALIGN(sizeof(int))
	sizeofTimespec = int(unsafe.Sizeof(unix.Timespec{}))
	// spacePktinfo is CMSG_SPACE for the larger of struct in_pktinfo and
	// struct in6_pktinfo; a socket has one of them, of its own family.
	spacePktinfo = sizeofCmsghdr + (unix.SizeofInet6Pktinfo+sizeofWord-1)&^(sizeofWord-1)

	// SO_RXQ_OVFL and UDP_GRO carry an int each, SCM_TIMESTAMPNS a struct
	// timespec.
	sizeofReceiveControl = 2*(sizeofCmsghdr+sizeofWord) + sizeofCmsghdr + sizeofTimespec + spacePktinfo
)

// notes holds the values of the control messages of one received message.
type notes struct {
	// segment is the length of the datagrams of a coalesced run, of which the
	// last may be shorter. It is zero for a single datagram.
	segment int
	// dropped is the number of datagrams, modulo 2^32, that the socket had
	// dropped because its queue was full when this message was queued. The
	// kernel omits it while it is zero.
	dropped    uint32
	hasDropped bool
	// at is the time at which the kernel received the message, in nanoseconds
	// of the real-time clock, or zero if unknown.
	at int64
	// local is the local address to which the message was sent, or the zero
	// Addr if unknown.
	local netip.Addr
}

// parse decodes the first size bytes, which the kernel wrote. It skips unknown and
// truncated messages.
func (c *receiveControl) parse(size int) notes {
	return parseControl(c.data[:min(size, sizeofReceiveControl)])
}

func parseControl(b []byte) (n notes) {
	for len(b) >= sizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(b)))
		end := int(h.Len)
		if end < sizeofCmsghdr || end > len(b) {
			return n
		}
		value := b[sizeofCmsghdr:end]
		switch {
		case h.Level == unix.SOL_UDP && h.Type == unix.UDP_GRO && len(value) == 4:
			n.segment = int(*(*int32)(unsafe.Pointer(unsafe.SliceData(value))))
		case h.Level == unix.SOL_SOCKET && h.Type == unix.SO_RXQ_OVFL && len(value) == 4:
			n.dropped, n.hasDropped = *(*uint32)(unsafe.Pointer(unsafe.SliceData(value))), true
		case h.Level == unix.SOL_SOCKET && h.Type == unix.SCM_TIMESTAMPNS && len(value) == sizeofTimespec:
			ts := (*unix.Timespec)(unsafe.Pointer(unsafe.SliceData(value)))
			n.at = ts.Nano()
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(value) == unix.SizeofInet4Pktinfo:
			// ip(7): ipi_spec_dst is the local address of the packet. Answers
			// are sent from it.
			n.local = netip.AddrFrom4([4]byte(value[4:8]))
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(value) == unix.SizeofInet6Pktinfo:
			n.local = netip.AddrFrom16([16]byte(value[:16])).Unmap()
		}
		b = b[min((end+sizeofWord-1)&^(sizeofWord-1), len(b)):]
	}
	return n
}

// sendControl holds the control messages of one message to be sent: the source
// address (IP_PKTINFO or IPV6_PKTINFO) if one is set, followed by the length of a
// segment (UDP_SEGMENT) if the message is a run. The zero value holds none.
type sendControl struct {
	_      [0]uint64 // aligned like struct cmsghdr
	data   [spacePktinfo + spaceSegment]byte
	source int // bytes of data used by the source address
	used   int // bytes of data in use
}

const spaceSegment = sizeofCmsghdr + sizeofWord

// reset removes all messages.
func (c *sendControl) reset() { c.source, c.used = 0, 0 }

// setSource sets local as the source address, on a socket of family. It ignores an
// address that the family does not support.
func (c *sendControl) setSource(local netip.Addr, family uint16) {
	switch {
	case family == unix.AF_INET && local.Is4():
		value := c.put(0, unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)
		a := local.As4()
		clear(value)
		copy(value[4:8], a[:])
	case family == unix.AF_INET6:
		value := c.put(0, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo)
		a := local.As16() // maps IPv4, as a dual-stack socket expects
		clear(value)
		copy(value[:16], a[:])
	}
	c.source = c.used
}

// setSegment makes the kernel split the message into datagrams of size bytes.
func (c *sendControl) setSegment(size int) {
	value := c.put(c.source, unix.SOL_UDP, unix.UDP_SEGMENT, 2)
	*(*uint16)(unsafe.Pointer(unsafe.SliceData(value))) = uint16(size)
}

// put writes the header of a message with a value of size bytes at offset at,
// and returns the value.
func (c *sendControl) put(at int, level, kind int32, size int) []byte {
	h := (*unix.Cmsghdr)(unsafe.Pointer(&c.data[at]))
	h.Level, h.Type = level, kind
	h.SetLen(sizeofCmsghdr + size)
	c.used = at + sizeofCmsghdr + (size+sizeofWord-1)&^(sizeofWord-1)
	return c.data[at+sizeofCmsghdr : at+sizeofCmsghdr+size]
}

// attach sets c as the control messages of h.
func (c *sendControl) attach(h *mmsghdr) {
	h.Control = nil
	if c.used > 0 {
		h.Control = &c.data[0]
	}
	h.SetControllen(c.used)
}

// age returns how long ago at was by the real-time clock, zero if at is not
// known or lies in the future because the clock was set back.
func age(at int64, now time.Time) time.Duration {
	if at == 0 {
		return 0
	}
	return max(time.Duration(now.UnixNano()-at), 0)
}
