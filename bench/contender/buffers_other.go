//go:build !linux

package contender

import (
	"net"
	"syscall"
)

// setBuffers does nothing here: ListenUDP and DialUDP ask through package net.
func setBuffers(syscall.RawConn, int) error { return nil }

// GrantedBuffers returns zeros: package net does not report buffer sizes.
func GrantedBuffers(*net.UDPConn) (read, write int) { return 0, 0 }
