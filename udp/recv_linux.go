package udp

import (
	"errors"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/intentra/intentra/wire"
)

// receiver reads batches with recvmmsg into slots: one datagram each, or with
// GRO a run of them that the kernel has coalesced.
type receiver struct {
	raw      syscall.RawConn
	counters *counters
	zones    zones
	max      int           // bytes of the longest datagram
	maxAge   time.Duration // that a datagram may have waited; zero for no limit
	// call is recvmmsg, and now the clock; tests put others in their place.
	call func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno)
	now  func() time.Time

	// hdrs[i] points at names[i], controls[i] and, through iovs[i], at slot(i)
	// of buf.
	hdrs     []mmsghdr
	iovs     []unix.Iovec
	names    []sockaddr
	controls []control
	buf      []byte
	size     int // bytes of a slot

	// hdrs[next:got] wait to be handed out, as does the run that has been
	// begun: left datagrams of at most segment bytes, in rest.
	next, got int
	left      int
	rest      []byte
	segment   int
	from      netip.AddrPort
	readAt    time.Time // when the batch was read, if ages matter

	dropped uint32 // what the kernel told last of SO_RXQ_OVFL; it begins at zero

	// What the raw connection calls back, made once: a closure made for each
	// read would be an allocation.
	readable func(fd uintptr) (done bool)
	peek     func(fd uintptr)
}

// groSlot holds the longest run that the kernel coalesces.
const groSlot = 1 << 16

func (r *receiver) init(raw syscall.RawConn, cfg Config, f features, c *counters) {
	r.raw, r.counters, r.call, r.now = raw, c, recvmmsg, time.Now
	r.max, r.size = cfg.MaxDatagram, cfg.MaxDatagram
	if f.gro {
		r.size = groSlot
	}
	if f.stamps {
		r.maxAge = cfg.MaxQueueDelay
	}
	r.hdrs = make([]mmsghdr, cfg.Batch)
	r.iovs = make([]unix.Iovec, cfg.Batch)
	r.names = make([]sockaddr, cfg.Batch)
	r.controls = make([]control, cfg.Batch)
	r.buf = make([]byte, cfg.Batch*r.size)
	for i := range r.hdrs {
		r.iovs[i].Base = &r.slot(i)[0]
		r.iovs[i].SetLen(r.size)
		r.hdrs[i].Iov = &r.iovs[i]
		r.hdrs[i].SetIovlen(1)
		r.hdrs[i].Name = &r.names[i][0]
		r.hdrs[i].Control = (*byte)(unsafe.Pointer(&r.controls[i]))
		r.hdrs[i].offer()
	}
	r.readable = r.receive
	r.peek = func(fd uintptr) { r.receive(fd) }
}

func (r *receiver) slot(i int) []byte { return r.buf[i*r.size : (i+1)*r.size] }

func (r *receiver) read(dst []wire.Datagram, block bool) (int, error) {
	if r.left == 0 && r.next == r.got {
		if err := r.refill(block); err != nil {
			return 0, err
		}
	}
	return r.deliver(dst), nil
}

// refill reads from the socket. Afterwards there may be nothing all the same.
func (r *receiver) refill(block bool) (err error) {
	r.next, r.got = 0, 0
	err = os.ErrDeadlineExceeded
	if block {
		err = r.raw.Read(r.readable)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		// Read does not look at the socket once the deadline has passed: a
		// reader that is woken often would never read.
		err = r.raw.Control(r.peek)
	}
	if r.got > 0 && r.maxAge > 0 {
		r.readAt = r.now()
	}
	return err
}

// receive reports whether the read is over; if not, the socket is empty.
func (r *receiver) receive(fd uintptr) (done bool) {
	for range maxReports {
		n, errno := r.call(fd, r.hdrs)
		switch errno {
		case 0:
			r.got = n
			r.counters.readCalls.Add(1)
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

// deliver moves what was received to dst, as far as there is room.
func (r *receiver) deliver(dst []wire.Datagram) (n int) {
	bytes := 0
	for n < len(dst) {
		if r.left == 0 {
			if r.next == r.got {
				break
			}
			r.begin(r.next)
			r.next++
			continue
		}
		d := r.rest[:min(r.segment, len(r.rest))]
		r.rest = r.rest[len(d):]
		r.left--
		if len(d) > r.max {
			r.counters.readLoss.add(LossTruncated, 1)
			continue
		}
		dst[n] = wire.Datagram{Data: d[:len(d):len(d)], Addr: r.from}
		bytes += len(d)
		n++
	}
	r.counters.read(n, bytes)
	return n
}

// begin takes slot i apart, or counts it as lost. Its header is made ready to
// be used again, its data stays.
func (r *receiver) begin(i int) {
	h := &r.hdrs[i]
	note := r.controls[i].parse(int(h.Controllen))
	r.learnDropped(note)
	size := int(h.n)
	r.rest, r.segment, r.left = r.slot(i)[:min(size, r.size)], max(size, 1), 1
	if note.segment > 0 && note.segment < size {
		r.segment = note.segment
		r.left = (size + r.segment - 1) / r.segment
	}
	var ok bool
	r.from, ok = r.names[i].decode(h.Namelen, &r.zones)
	switch {
	case h.Flags&unix.MSG_TRUNC != 0:
		r.lose(LossTruncated)
	case h.Flags&unix.MSG_CTRUNC != 0:
		// Perhaps what was cut off says where one datagram ends.
		r.lose(LossControl)
	case !ok:
		r.lose(LossAddress)
	case r.maxAge > 0 && age(note.at, r.readAt) > r.maxAge:
		r.lose(LossStale)
	}
	h.offer()
}

func (r *receiver) lose(reason Loss) {
	r.counters.readLoss.add(reason, r.left)
	r.left, r.rest = 0, nil
}

// learnDropped turns the kernel's count of drops into ours.
func (r *receiver) learnDropped(note notes) {
	if !note.toldDropped {
		return
	}
	// The receive queue is in order, so the count never goes back: it wraps.
	if n := note.dropped - r.dropped; n != 0 {
		r.dropped = note.dropped
		r.counters.overflowed.Add(uint64(n))
	}
}

// offer says how much room there is. The kernel writes over it what it used.
func (h *mmsghdr) offer() {
	h.Namelen = sizeofSockaddr
	h.SetControllen(sizeofControl)
}
