package udp

import (
	"errors"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/intentra/intentra/wire"
)

// receiver reads batches with recvmmsg, each datagram into a slot of its own.
type receiver struct {
	raw      syscall.RawConn
	counters *counters
	overflow overflow
	zones    zones
	// call is recvmmsg; tests put failures in its place.
	call func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno)

	// hdrs[i] points at names[i], controls[i] and, through iovs[i], at slot(i)
	// of buf.
	hdrs     []mmsghdr
	iovs     []unix.Iovec
	names    []sockaddr
	controls []cmsg
	buf      []byte
	max      int // bytes of a slot

	// What the raw connection calls back, made once, with its argument and
	// its result: a closure made for each read would be an allocation.
	readable func(fd uintptr) (done bool)
	peek     func(fd uintptr)
	want     int // most datagrams to receive
	got      int // datagrams received
}

func (r *receiver) init(raw syscall.RawConn, cfg Config, c *counters) {
	r.raw, r.counters, r.call, r.max = raw, c, recvmmsg, cfg.MaxDatagram
	r.overflow.counters = c
	r.hdrs = make([]mmsghdr, cfg.Batch)
	r.iovs = make([]unix.Iovec, cfg.Batch)
	r.names = make([]sockaddr, cfg.Batch)
	r.controls = make([]cmsg, cfg.Batch)
	r.buf = make([]byte, cfg.Batch*cfg.MaxDatagram)
	for i := range r.hdrs {
		r.iovs[i].Base = &r.slot(i)[0]
		r.iovs[i].SetLen(r.max)
		r.hdrs[i].Iov = &r.iovs[i]
		r.hdrs[i].SetIovlen(1)
		r.hdrs[i].Name = &r.names[i][0]
		r.hdrs[i].Control = (*byte)(unsafe.Pointer(&r.controls[i]))
		r.hdrs[i].offer()
	}
	r.readable = r.receive
	r.peek = func(fd uintptr) { r.receive(fd) }
}

func (r *receiver) slot(i int) []byte { return r.buf[i*r.max : (i+1)*r.max] }

func (r *receiver) read(dst []wire.Datagram, block bool) (int, error) {
	r.want, r.got = min(len(dst), len(r.hdrs)), 0
	err := error(os.ErrDeadlineExceeded)
	if block {
		err = r.raw.Read(r.readable)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		// Read does not look at the socket once the deadline has passed: a
		// reader that is woken often would never read.
		err = r.raw.Control(r.peek)
	}
	if err != nil || r.got == 0 {
		return 0, err
	}
	return r.deliver(dst), nil
}

// receive reports whether the read is over; if not, the socket is empty.
func (r *receiver) receive(fd uintptr) (done bool) {
	for range maxReports {
		n, errno := r.call(fd, r.hdrs[:r.want])
		switch errno {
		case 0:
			r.got = n
			return true
		case syscall.EAGAIN:
			return false
		case syscall.EINTR:
		default:
			// It tells of a datagram sent earlier.
			r.counters.reported.add(lossOf(errno), 1)
		}
	}
	return true
}

// deliver moves what was received to dst, which has room for it.
func (r *receiver) deliver(dst []wire.Datagram) (n int) {
	bytes := 0
	for i := range r.got {
		h := &r.hdrs[i]
		r.overflow.learn(&r.controls[i], int(h.Controllen))
		from, ok := r.names[i].decode(h.Namelen, &r.zones)
		switch {
		case h.Flags&unix.MSG_TRUNC != 0:
			r.counters.readLoss.add(LossTruncated, 1)
		case h.Flags&unix.MSG_CTRUNC != 0:
			r.counters.readLoss.add(LossControl, 1)
		case !ok:
			r.counters.readLoss.add(LossAddress, 1)
		default:
			n += split(dst[n:], r.slot(i)[:h.n], from)
			bytes += int(h.n)
		}
		h.offer()
	}
	r.counters.read(n, bytes)
	return n
}

// offer says how much room there is. The kernel writes over it what it used.
func (h *mmsghdr) offer() {
	h.Namelen = sizeofSockaddr
	h.SetControllen(sizeofCmsg)
}

// split cuts what the kernel put into one slot into datagrams. It is one
// datagram as long as the socket does not ask for coalesced ones (UDP_GRO).
func split(dst []wire.Datagram, data []byte, from netip.AddrPort) (n int) {
	dst[0] = wire.Datagram{Data: data[:len(data):len(data)], Addr: from}
	return 1
}
