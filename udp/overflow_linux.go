package udp

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// cmsg is the room for the one control message that the socket asks for. It
// is as long as CMSG_SPACE of a uint32: what else the kernel might want to say
// is cut off and flagged (MSG_CTRUNC).
type cmsg struct {
	unix.Cmsghdr
	// dropped is how many datagrams the socket had dropped when this one was
	// queued, modulo 2^32.
	dropped uint32
}

const sizeofCmsg = int(unsafe.Sizeof(cmsg{}))

// overflow turns the kernel's count of dropped datagrams into ours.
type overflow struct {
	counters *counters
	last     uint32 // what the kernel told last; it begins at zero
}

// askOverflow has the kernel tell its count with each datagram. It counts from
// the socket's first moment, so nothing is missed that was dropped before. Where
// the option is missing (sandboxes that play Linux), the count stays zero.
func askOverflow(raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1)
	})
}

// learn takes the count from c, of which the kernel has written the first size
// bytes. It writes none while the count is zero, and leaves what stood there.
func (o *overflow) learn(c *cmsg, size int) {
	if size < sizeofCmsg || c.Level != unix.SOL_SOCKET || c.Type != unix.SO_RXQ_OVFL {
		return
	}
	// The receive queue is in order, so the count never goes back: it wraps.
	if n := c.dropped - o.last; n != 0 {
		o.last = c.dropped
		o.counters.overflowed.Add(uint64(n))
	}
}
