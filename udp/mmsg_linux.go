package udp

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/intentra/intentra/wire"
)

// mmsghdr is struct mmsghdr of recvmmsg(2). Because of the pointers in Msghdr it has
// the same trailing padding as in C on 64-bit systems.
type mmsghdr struct {
	unix.Msghdr
	// n is the number of bytes received or sent.
	n uint32
}

// mmsg transfers batches of datagrams with recvmmsg and sendmmsg, and runs of them
// with GRO and GSO if the kernel supports that.
type mmsg struct {
	// file is not a net.UDPConn, because a RawConn of package net allocates an
	// error at each expired deadline, and so at each Wake.
	file *os.File
	gro  bool
	rx   receiver
	tx   sender
}

// newMmsg takes ownership of pc. It duplicates the descriptor and closes the original. urgent
// is that of Conn.
func newMmsg(pc *net.UDPConn, cfg Config, c *counters, urgent func() bool) (*mmsg, error) {
	defer pc.Close()
	file, err := pc.File()
	if err != nil {
		return nil, err
	}
	raw, family, err := inspect(file)
	if err != nil {
		file.Close()
		return nil, err
	}
	wildcard := pc.LocalAddr().(*net.UDPAddr).IP.IsUnspecified()
	f, err := probe(raw, family, wildcard, cfg)
	if err != nil {
		file.Close()
		return nil, err
	}
	m := &mmsg{file: file, gro: f.gro}
	m.rx.init(raw, cfg, f, c)
	m.rx.urgent = urgent
	m.tx.init(raw, file, family, cfg, f, c)
	return m, nil
}

func inspect(file *os.File) (raw syscall.RawConn, family uint16, err error) {
	// A file that the poller does not support has no deadlines. It would block
	// its thread and could not be woken.
	if err := file.SetDeadline(time.Time{}); err != nil {
		return nil, 0, err
	}
	if raw, err = file.SyscallConn(); err != nil {
		return nil, 0, err
	}
	ctlErr := raw.Control(func(fd uintptr) {
		var domain int
		domain, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
		family = uint16(domain)
	})
	return raw, family, errors.Join(ctlErr, os.NewSyscallError("getsockopt", err))
}

func (m *mmsg) setReadDeadline(t time.Time) error { return m.file.SetReadDeadline(t) }

func (m *mmsg) offload() Offload { return Offload{GSO: m.tx.gso.Load(), GRO: m.gro} }

func (m *mmsg) close() error {
	err := m.file.Close()
	if !errors.Is(err, os.ErrClosed) { // not the second time
		m.rx.shelf.leave()
	}
	return err
}

func (m *mmsg) read(dst []wire.Datagram, block bool) (int, error) {
	return m.rx.read(dst, block)
}

func (m *mmsg) backoff() time.Duration { return m.rx.trouble.backoff }

func (m *mmsg) tooLarge() []int { return m.tx.tooLarge() }

func (m *mmsg) write(src []wire.Datagram, keep bool) (int, error) { return m.tx.write(src, keep) }

// recvmmsg fills hdrs, which must not be empty. It does not block, so the scheduler need
// not know of the call: as a RawSyscall it does not wake the scheduler's monitor thread,
// which at a low rate costs more than the message. In return the processor is not given
// to another goroutine for the time of the call, which copies 4 MiB at most.
func recvmmsg(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVMMSG, fd,
		uintptr(unsafe.Pointer(unsafe.SliceData(hdrs))), uintptr(len(hdrs)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// What we chose: up to these numbers of messages, and of bytes in them, sendmmsg sends without
// the scheduler knowing of it: about eight datagrams. Over the loopback interface, which
// receives them in the same call, that takes tens of microseconds, for which the processor is
// held.
const (
	fewMessages = 8
	fewBytes    = 9_000
)

// few reports whether messages are few and small.
func few(hdrs []mmsghdr) bool {
	if len(hdrs) > fewMessages {
		return false
	}
	bytes := 0
	for i := range hdrs {
		for _, v := range unsafe.Slice(hdrs[i].Iov, hdrs[i].Iovlen) {
			bytes += int(v.Len)
		}
	}
	return bytes <= fewBytes
}

// sendmmsg sends hdrs, which must not be empty. It does not block. For few messages it is a
// RawSyscall as in recvmmsg: at a low rate the scheduler's monitor thread sleeps, and any
// other system call would wake it first.
func sendmmsg(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
	if few(hdrs) {
		n, _, errno := syscall.RawSyscall6(unix.SYS_SENDMMSG, fd,
			uintptr(unsafe.Pointer(unsafe.SliceData(hdrs))), uintptr(len(hdrs)), unix.MSG_DONTWAIT, 0, 0)
		return int(n), errno
	}
	n, _, errno := syscall.Syscall6(unix.SYS_SENDMMSG, fd,
		uintptr(unsafe.Pointer(unsafe.SliceData(hdrs))), uintptr(len(hdrs)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// recvmsg receives one message, for systems that reject recvmmsg.
func recvmsg(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
	return single(unix.SYS_RECVMSG, fd, hdrs)
}

// sendmsg sends one message, for systems that reject sendmmsg.
func sendmsg(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
	return single(unix.SYS_SENDMSG, fd, hdrs)
}

func single(number, fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
	n, _, errno := syscall.Syscall(number, fd, uintptr(unsafe.Pointer(&hdrs[0].Msghdr)), unix.MSG_DONTWAIT)
	if errno != 0 {
		return -1, errno
	}
	hdrs[0].n = uint32(n)
	return 1, 0
}
