package udp

import (
	"errors"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/intentra/intentra/wire"
)

// receiver reads batches with recvmmsg into slots. A slot holds one datagram, or with
// GRO a run of coalesced ones.
type receiver struct {
	raw      syscall.RawConn
	counters *counters
	zones    zones
	max      int           // size of the largest datagram, in bytes
	maxAge   time.Duration // maximum time in the queue; zero for no limit
	// call is recvmmsg or recvmsg, and now is the clock. Tests replace them.
	call    func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno)
	batched bool // call is recvmmsg
	now     func() time.Time
	trouble trouble
	err     error // set once the socket is broken

	// The slots are those of shelf, nil from a read that has found the socket empty until
	// the next one.
	*slots
	shelf *shelf

	// The rest of the current run is to be delivered next: rest holds left datagrams
	// of at most segment bytes each. hdrs[next:got] follow.
	next, got int
	left      int
	rest      []byte
	segment   int
	from      netip.AddrPort
	local     netip.Addr
	readAt    time.Time // time of reading the batch, if maxAge is set

	tried  bool        // the current read has read from the socket
	urgent func() bool // see Conn.urgent

	dropped uint32 // latest SO_RXQ_OVFL from the kernel; initially zero

	// Callbacks for raw, created once: a closure for each read would allocate.
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
	r.max = cfg.MaxDatagram
	shape := slotShape{batch: cfg.Batch, size: cfg.MaxDatagram, room: sizeofReceiveControl}
	if !f.pktinfo {
		shape.room -= spacePktinfo
	}
	if f.gro {
		shape.size = groSlot
	}
	r.shelf = joinShelf(shape)
	if f.stamps {
		r.maxAge = cfg.MaxQueueDelay
	}
	r.readable = r.receive
	r.peek = func(fd uintptr) { r.receive(fd) }
}

func (r *receiver) read(dst []wire.Datagram, block bool) (int, error) {
	if r.left == 0 && r.next == r.got {
		if err := r.refill(block); err != nil {
			return 0, err
		}
	}
	return r.deliver(dst), nil
}

// refill reads a batch from the socket. The batch may be empty.
func (r *receiver) refill(block bool) (err error) {
	r.next, r.got, r.tried = 0, 0, false
	err = os.ErrDeadlineExceeded
	if block {
		err = r.raw.Read(r.readable)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
		if !r.tried || !r.urgent() {
			// After the deadline, raw.Read returns without reading from the socket.
			// Without this a reader that is woken often would never read, and one
			// that was paused would miss what has come before its deadline. One
			// that is woken while it waits has read before, and returns at once.
			err = r.raw.Control(r.peek)
		}
	}
	if r.got > 0 && r.maxAge > 0 {
		r.readAt = r.now()
	}
	return errors.Join(err, r.err)
}

// receive reports whether the read has completed. If not, the socket is empty.
func (r *receiver) receive(fd uintptr) (done bool) {
	r.tried = true
	if r.slots == nil {
		r.slots = r.shelf.take()
	}
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
			r.shelf.put(r.slots)
			r.slots = nil
			return false
		case errno == syscall.EINTR:
		case r.batched && refused(errno) && refusal(fd, unix.SYS_RECVMMSG) != 0:
			r.unbatch(errno)
		default:
			// The kernel reports, once, the loss of a datagram sent earlier.
			last = errno
			r.counters.reported.add(lossOf(errno), 1)
		}
	}
	if last != 0 {
		r.err = r.trouble.failed(last)
	}
	return true
}

// unbatch switches to recvmsg because recvmmsg failed with errno.
func (r *receiver) unbatch(errno syscall.Errno) {
	r.call, r.batched = recvmsg, false
	r.trouble.logger.Warn("udp: recvmmsg cannot be used here; receiving one message per system call", "err", errno)
}

// deliver moves received datagrams to dst until it is full.
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

// begin makes slot i the current run, or counts its datagrams as lost. It resets the
// slot's header for the next read, also of another socket, but not its data.
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
		// The truncated part may have held the length of a segment.
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

// learnDropped adds to our count of drops what the kernel's has grown by.
func (r *receiver) learnDropped(note notes) {
	if !note.hasDropped {
		return
	}
	// The receive queue is ordered, so the count never decreases; it may wrap.
	if n := note.dropped - r.dropped; n != 0 {
		r.dropped = note.dropped
		r.counters.overflowed.Add(uint64(n))
	}
}

// offer sets the room for the address and for control messages, which the kernel
// overwrites with the sizes that it used.
func (h *mmsghdr) offer(control int) {
	h.Namelen = sizeofSockaddr
	h.SetControllen(control)
}
