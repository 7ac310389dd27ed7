//go:build !linux

package udp

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"syscall"
)

// setOptions makes a socket for both families dual-stack. Everything else that
// Linux sets here is not available.
func setOptions(raw syscall.RawConn, _, both bool, cfg Config) error {
	if cfg.DSCP != 0 || cfg.Device != "" || cfg.Priority != 0 || cfg.BusyPoll != 0 {
		return fmt.Errorf("%w: DSCP, Device, Priority and BusyPoll: %w on %s", ErrConfig, errors.ErrUnsupported, runtime.GOOS)
	}
	if !both {
		return nil
	}
	var err error
	ctlErr := raw.Control(func(fd uintptr) { err = clearV6Only(fd) })
	return errors.Join(ctlErr, err)
}

// minBuffer is the least that is worth asking for, in bytes.
const minBuffer = 64 << 10

// setBuffers asks for cfg's buffers. It halves what a kernel refuses, as the
// BSDs do above kern.ipc.maxsockbuf, and returns what was accepted: 0 if
// nothing was, and the kernel's default stays.
func setBuffers(pc *net.UDPConn, cfg Config) (granted [2]int, err error) {
	return [2]int{
		accepted(pc.SetReadBuffer, cfg.ReadBuffer),
		accepted(pc.SetWriteBuffer, cfg.WriteBuffer),
	}, nil
}

func accepted(set func(bytes int) error, bytes int) int {
	for ; set(bytes) != nil; bytes /= 2 {
		if bytes <= minBuffer {
			return 0
		}
	}
	return bytes
}
