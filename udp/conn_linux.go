package udp

import "net"

// newSocket takes ownership of pc.
func newSocket(pc *net.UDPConn, cfg Config, c *counters, urgent func() bool) (socket, error) {
	return newMmsg(pc, cfg, c, urgent)
}
