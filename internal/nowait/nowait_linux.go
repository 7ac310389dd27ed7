package nowait

import (
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// writer writes to a file as *os.File does, but first tries it with RWF_NOWAIT
// (pwritev2(2)).
//
// Pipes and /dev/null take such writes since Linux 6.4, regular files on few file
// systems, terminals never. Bytes that are not taken so are written as usual.
type writer struct {
	file    *os.File
	refused bool // the file, or the kernel, knows no such writes
}

// Writer returns a writer to w, which for a file disturbs the scheduler less, and
// otherwise is w itself. It is not safe for concurrent use.
func Writer(w io.Writer) io.Writer {
	if f, ok := w.(*os.File); ok {
		return &writer{file: f}
	}
	return w
}

// Write writes p.
func (w *writer) Write(p []byte) (n int, err error) {
	if !w.refused && len(p) > 0 {
		n = w.try(p)
	}
	if n == len(p) {
		return n, nil
	}
	rest, err := w.file.Write(p[n:])
	return n + rest, err
}

// try returns how much of p the file has taken without waiting.
func (w *writer) try(p []byte) (n int) {
	c, err := w.file.SyscallConn()
	if err != nil {
		return 0
	}
	err = c.Write(func(fd uintptr) bool {
		v := unix.Iovec{Base: unsafe.SliceData(p)}
		v.SetLen(len(p))
		const current = ^uintptr(0) // the offset -1 in two halves: write at the file's position
		r, _, errno := unix.RawSyscall6(unix.SYS_PWRITEV2, fd, uintptr(unsafe.Pointer(&v)), 1, current, current, unix.RWF_NOWAIT)
		switch errno {
		case 0:
			n = int(r)
		case unix.EAGAIN, unix.EINTR: // full, for now
		default:
			w.refused = true
		}
		return true
	})
	if err != nil {
		w.refused = true
	}
	return n
}
