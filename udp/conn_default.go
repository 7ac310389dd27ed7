//go:build !linux

package udp

import "net"

// newSocket takes ownership of pc.
func newSocket(pc *net.UDPConn, cfg Config, c *counters, _ func() bool) (socket, error) {
	return newPortable(pc, cfg, c), nil
}
