//go:build !linux

package udp

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"syscall"
)

// setOptions makes a socket dual-stack if both is true. The other options that Linux
// supports are not available.
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

// minBuffer is the smallest buffer size that is requested, in bytes.
const minBuffer = 64 << 10

// setBuffers requests the buffer sizes of cfg. If the kernel rejects a size, as BSDs
// do above kern.ipc.maxsockbuf, it tries half of it. It returns the accepted sizes, or
// 0 if none was accepted and the kernel's default remains.
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
