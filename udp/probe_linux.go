package udp

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// features lists what the kernel supports for a socket. An old kernel, a seccomp
// filter or a sandbox that emulates Linux may not support any of it.
type features struct {
	gso     bool // UDP_SEGMENT, since Linux 4.18
	gro     bool // UDP_GRO, since Linux 5.0
	stamps  bool // SO_TIMESTAMPNS
	pktinfo bool // IP_PKTINFO or IPV6_RECVPKTINFO

	recvmmsg, sendmmsg syscall.Errno // the error of the system call; zero if it works
}

// probe enables the features for reception and determines which ones work. wildcard
// means that the socket is not bound to a single address.
func probe(raw syscall.RawConn, family uint16, wildcard bool, cfg Config) (f features, err error) {
	err = raw.Control(func(fd uintptr) {
		s := int(fd)
		// Set before the first read, so that no earlier drop is missed.
		_ = unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1)
		f.stamps = cfg.MaxQueueDelay > 0 && unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) == nil
		f.gro = !cfg.DisableGRO && unix.SetsockoptInt(s, unix.SOL_UDP, unix.UDP_GRO, 1) == nil
		// Zero disables segmentation except for messages that request it.
		f.gso = !cfg.DisableGSO && unix.SetsockoptInt(s, unix.SOL_UDP, unix.UDP_SEGMENT, 0) == nil
		f.pktinfo = wildcard && enablePktinfo(s, family) == nil
		f.recvmmsg = refusal(fd, unix.SYS_RECVMMSG)
		f.sendmmsg = refusal(fd, unix.SYS_SENDMMSG)
	})
	return f, err
}

// enablePktinfo makes the kernel report the local address of each datagram. On an
// IPv6 socket IPV6_RECVPKTINFO also reports IPv4 addresses, as mapped ones.
func enablePktinfo(fd int, family uint16) error {
	if family == unix.AF_INET {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
}

// refusal returns the error for which recvmmsg or sendmmsg, given by its number,
// cannot be used, or zero. It makes a call with an empty vector, whose error is about
// the system call and not about a datagram. For a datagram EPERM could also come from
// a firewall.
func refusal(fd uintptr, number uintptr) syscall.Errno {
	_, _, errno := syscall.Syscall6(number, fd, 0, 0, unix.MSG_DONTWAIT, 0, 0)
	if refused(errno) {
		return errno
	}
	return 0
}

// refused reports whether errno is an error of a missing or forbidden system call:
// ENOSYS from an old kernel, any of them from a seccomp filter.
func refused(errno syscall.Errno) bool {
	return errno == syscall.ENOSYS || errno == syscall.EPERM || errno == syscall.EACCES
}
