//go:build !linux

package udp

import (
	"net"
	"syscall"
)

// setOptions does nothing: don't-fragment is set on Linux alone.
func setOptions(syscall.RawConn, bool, Config) error { return nil }

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
