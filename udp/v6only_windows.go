package udp

import "syscall"

// clearV6Only makes an IPv6 socket dual-stack.
func clearV6Only(fd uintptr) error {
	return syscall.SetsockoptInt(syscall.Handle(fd), syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, 0)
}
