//go:build unix && !linux

package udp

import "syscall"

// clearV6Only has an IPv6 socket take IPv4 as well.
func clearV6Only(fd uintptr) error {
	return syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, 0)
}
