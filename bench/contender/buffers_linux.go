package contender

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// setBuffers asks for the given bytes of buffer, each way. With CAP_NET_ADMIN,
// the maximum of the system does not apply. Without it the kernel may silently
// grant less, which GrantedBuffers reports.
func setBuffers(c syscall.RawConn, bytes int) error {
	var err error
	ctlErr := c.Control(func(fd uintptr) {
		if err = set(int(fd), unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, bytes); err == nil {
			err = set(int(fd), unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, bytes)
		}
	})
	if ctlErr != nil {
		return ctlErr
	}
	return err
}

func set(fd, force, option, bytes int) error {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, bytes) == nil {
		return nil
	}
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, bytes)
}

// GrantedBuffers returns the bytes of buffer that c has, in the unit in which
// they are asked for.
func GrantedBuffers(c *net.UDPConn) (read, write int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, 0
	}
	_ = raw.Control(func(fd uintptr) {
		// socket(7): "The kernel doubles this value (to allow space for
		// bookkeeping overhead)".
		r, _ := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
		w, _ := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF)
		read, write = r/2, w/2
	})
	return read, write
}
