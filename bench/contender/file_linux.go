package contender

import (
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// DialFile opens a non-blocking socket that is connected to addr, an IPv4
// address. It does not use package net, whose poller would have to manage
// thousands of sockets. The caller closes the descriptor.
func DialFile(addr netip.AddrPort, buffer int) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err = set(fd, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, buffer); err == nil {
		err = set(fd, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, buffer)
	}
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()})
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, os.NewSyscallError("connect", err)
	}
	return fd, nil
}
