package contender

import (
	"context"
	"net"
	"syscall"
)

// ListenUDP opens a socket on a free port of 127.0.0.1.
func ListenUDP(buffer int) (*net.UDPConn, error) {
	c, err := ListenConfig(buffer).ListenPacket(context.Background(), "udp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return enlarge(c.(*net.UDPConn), buffer)
}

// DialUDP opens a socket that is connected to addr.
func DialUDP(addr string, buffer int) (*net.UDPConn, error) {
	c, err := net.Dial("udp4", addr)
	if err != nil {
		return nil, err
	}
	return enlarge(c.(*net.UDPConn), buffer)
}

// ListenConfig returns a configuration for libraries that open their own sockets.
func ListenConfig(buffer int) *net.ListenConfig {
	return &net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error { return setBuffers(c, buffer) }}
}

func enlarge(c *net.UDPConn, buffer int) (*net.UDPConn, error) {
	// First through package net: on some systems there is no other way.
	_ = c.SetReadBuffer(buffer)
	_ = c.SetWriteBuffer(buffer)
	raw, err := c.SyscallConn()
	if err == nil {
		err = setBuffers(raw, buffer)
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}
