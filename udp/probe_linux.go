package udp

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// features is what the kernel does for a socket. A sandbox that emulates
// Linux, a seccomp filter or an old kernel may lack any of it.
type features struct {
	gso     bool // UDP_SEGMENT, since Linux 4.18
	gro     bool // UDP_GRO, since Linux 5.0
	stamps  bool // SO_TIMESTAMPNS
	pktinfo bool // IP_PKTINFO or IPV6_RECVPKTINFO

	recvmmsg, sendmmsg syscall.Errno // why the system call cannot be used; zero if it can
}

// probe turns on what the socket is to do for reception and finds out what it
// can do. wildcard says that it is bound to no single address.
func probe(raw syscall.RawConn, family uint16, wildcard bool, cfg Config) (f features, err error) {
	err = raw.Control(func(fd uintptr) {
		s := int(fd)
		// Set before the first read, so that no earlier drop is missed.
		_ = unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1)
		f.stamps = cfg.MaxQueueDelay > 0 && unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) == nil
		f.gro = !cfg.DisableGRO && unix.SetsockoptInt(s, unix.SOL_UDP, unix.UDP_GRO, 1) == nil
		// Zero means no segmentation unless a message asks for it.
		f.gso = !cfg.DisableGSO && unix.SetsockoptInt(s, unix.SOL_UDP, unix.UDP_SEGMENT, 0) == nil
		f.pktinfo = wildcard && enablePktinfo(s, family) == nil
		f.recvmmsg = refusal(fd, unix.SYS_RECVMMSG)
		f.sendmmsg = refusal(fd, unix.SYS_SENDMMSG)
	})
	return f, err
}

// enablePktinfo has the kernel tell the local address of each datagram. On an
// IPv6 socket IPV6_RECVPKTINFO covers IPv4 as well, with mapped addresses.
func enablePktinfo(fd int, family uint16) error {
	if family == unix.AF_INET {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
}

// refusal returns why recvmmsg or sendmmsg, named by its number, cannot be
// used, or zero. A call with an empty vector moves nothing, so the answer is
// about the system call and not about a datagram: a firewall answers a datagram
// with EPERM too.
func refusal(fd uintptr, number uintptr) syscall.Errno {
	_, _, errno := syscall.Syscall6(number, fd, 0, 0, unix.MSG_DONTWAIT, 0, 0)
	if refused(errno) {
		return errno
	}
	return 0
}

// refused reports whether errno is how a missing or forbidden system call
// answers: ENOSYS by an old kernel, either by a seccomp filter.
func refused(errno syscall.Errno) bool {
	return errno == syscall.ENOSYS || errno == syscall.EPERM || errno == syscall.EACCES
}
