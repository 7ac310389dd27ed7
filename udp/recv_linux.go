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
	maxAge   time.Duration // the longest a datagram may have been queued; zero for no limit
	// call is recvmmsg or recvmsg, and now the clock; tests replace them.
	call    func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno)
	batched bool // call is recvmmsg
	now     func() time.Time
	trouble trouble
	err     error // set once the socket is broken

	// hdrs[i] points at names[i], controls[i] and, through iovs[i], at slot(i)
	// of buf.
	hdrs     []mmsghdr
	iovs     []unix.Iovec
	names    []sockaddr
	controls []receiveControl
	room     int // bytes of a control that the kernel may write
	buf      []byte
	size     int // bytes of a slot

	// hdrs[next:got] wait to be handed out, as does the run that has been
	// begun: left datagrams of at most segment bytes, in rest.
	next, got int
	left      int
	rest      []byte
	segment   int
	from      netip.AddrPort
	local     netip.Addr
	readAt    time.Time // when the batch was read, if ages matter

	dropped uint32 // the kernel's latest SO_RXQ_OVFL; zero at first

	// What the raw connection calls back, made once: a closure made for each
	// read would be an allocation.
	readable func(fd uintptr) (done bool)
	peek     func(fd uintptr)
}

// groSlot holds the longest run that the kernel coalesces.
const groSlot = 1 << 16

func (r *receiver) init(raw syscall.RawConn, cfg Config, f features, c *counters) {
	r.raw, r.counters, r.now = raw, c, time.Now
	r.trouble = trouble{what: "receiving", logger: cfg.Logger, now: time.Now}
	r.call, r.batched = recvmmsg, true
	if f.recvmmsg != 0 {
		r.unbatch(f.recvmmsg)
	}
	r.max, r.size = cfg.MaxDatagram, cfg.MaxDatagram
	r.room = sizeofReceiveControl
	if !f.pktinfo {
		r.room -= spacePktinfo
	}
	if f.gro {
		r.size = groSlot
	}
	if f.stamps {
		r.maxAge = cfg.MaxQueueDelay
	}
	r.hdrs = make([]mmsghdr, cfg.Batch)
	r.iovs = make([]unix.Iovec, cfg.Batch)
	r.names = make([]sockaddr, cfg.Batch)
	r.controls = make([]receiveControl, cfg.Batch)
	r.buf = make([]byte, cfg.Batch*r.size)
	for i := range r.hdrs {
		r.iovs[i].Base = &r.slot(i)[0]
		r.iovs[i].SetLen(r.size)
		r.hdrs[i].Iov = &r.iovs[i]
		r.hdrs[i].SetIovlen(1)
		r.hdrs[i].Name = &r.names[i][0]
		r.hdrs[i].Control = (*byte)(unsafe.Pointer(&r.controls[i]))
		r.hdrs[i].offer(r.room)
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

// refill reads from the socket. It may come back with nothing.
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
	return errors.Join(err, r.err)
}

// receive reports whether the read is over; if not, the socket is empty.
func (r *receiver) receive(fd uintptr) (done bool) {
	var last syscall.Errno
	for range maxReports {
		n, errno := r.call(fd, r.hdrs)
		switch {
		case errno == 0:
			r.got = n
			r.counters.readCalls.Add(1)
			r.trouble.succeeded()
			return true
		case errno == syscall.EAGAIN:
			r.trouble.succeeded()
			return false
		case errno == syscall.EINTR:
		case r.batched && refused(errno) && refusal(fd, unix.SYS_RECVMMSG) != 0:
			r.unbatch(errno)
		default:
			// The kernel reports the loss of a datagram sent earlier, once.
			last = errno
			r.counters.reported.add(lossOf(errno), 1)
		}
	}
	if last != 0 {
		r.err = r.trouble.failed(last)
	}
	return true
}

// unbatch replaces recvmmsg, which errno says cannot be used.
func (r *receiver) unbatch(errno syscall.Errno) {
	r.call, r.batched = recvmsg, false
	r.trouble.logger.Warn("udp: recvmmsg cannot be used here; receiving one message per system call", "err", errno)
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
		dst[n] = wire.Datagram{Data: d[:len(d):len(d)], Addr: r.from, Local: r.local}
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
	r.local = note.local
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
	h.offer(r.room)
}

func (r *receiver) lose(reason Loss) {
	r.counters.readLoss.add(reason, r.left)
	r.left, r.rest = 0, nil
}

// learnDropped turns the kernel's count of drops into ours.
func (r *receiver) learnDropped(note notes) {
	if !note.hasDropped {
		return
	}
	// The receive queue is in order, so the count never goes back: it wraps.
	if n := note.dropped - r.dropped; n != 0 {
		r.dropped = note.dropped
		r.counters.overflowed.Add(uint64(n))
	}
}

// offer says how much room there is, of which control bytes for control
// messages. The kernel overwrites it with what it used.
func (h *mmsghdr) offer(control int) {
	h.Namelen = sizeofSockaddr
	h.SetControllen(control)
}
