package udp

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/intentra/intentra/wire"
)

// sender sends batches with sendmmsg, without copying the datagrams. With GSO a run of
// datagrams is one message; see run_linux.go.
type sender struct {
	raw      syscall.RawConn
	file     *os.File
	family   uint16 // of the socket: unix.AF_INET or unix.AF_INET6
	counters *counters
	zones    zones
	gso      atomic.Bool // written by the sender only
	// call is sendmmsg or sendmsg. Tests replace it.
	call    func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno)
	batched bool // call is sendmmsg
	whole   bool // the don't-fragment flag is set on the socket
	trouble trouble

	// hdrs[i] points to names[i], controls[i] and, through some of iovs, to the
	// caller's bytes. After a batch these pointers remain but are not used.
	hdrs     []mmsghdr
	runs     []run
	names    []sockaddr
	controls []sendControl
	iovs     []unix.Iovec
	iovsUsed int

	// writable is the callback for raw, created once. Its arguments and results
	// follow.
	writable func(fd uintptr) (done bool)
	src      []wire.Datagram // the caller's batch
	next     int             // src[next:] is not yet in hdrs
	from, to int             // hdrs[from:to] is not yet sent
	looked   int             // src[:looked] has been put into hdrs or counted as lost
	plain    int             // src[:plain] is sent without GSO, which failed for it
	suspect  int             // if a plain datagram of this length can be sent, GSO is disabled
	refused  bool            // ECONNREFUSED was reported once for hdrs[from]
	stalled  bool            // the write deadline is set
	last     bool            // return instead of waiting for a full socket
	invalid  int             // datagrams of this batch with an invalid address
	oversize []int           // indexes in src of datagrams that were refused for their size
	failure  syscall.Errno   // latest error for a datagram of this batch
	calls    int             // system calls of this batch, and what they sent
	sent     int
	bytes    int
}

func (s *sender) init(raw syscall.RawConn, file *os.File, family uint16, cfg Config, f features, c *counters) {
	s.raw, s.file, s.family, s.counters = raw, file, family, c
	s.trouble = trouble{what: "sending", logger: cfg.Logger, now: time.Now}
	s.call, s.batched = sendmmsg, true
	if f.sendmmsg != 0 {
		s.unbatch(f.sendmmsg)
	}
	s.gso.Store(f.gso)
	s.whole = !cfg.DisableDontFragment
	s.hdrs = make([]mmsghdr, cfg.Batch)
	s.runs = make([]run, cfg.Batch)
	s.names = make([]sockaddr, cfg.Batch)
	s.controls = make([]sendControl, cfg.Batch)
	s.iovs = make([]unix.Iovec, max(iovsPerRun*cfg.Batch, maxSegments))
	for i := range s.hdrs {
		s.hdrs[i].Name = &s.names[i][0]
	}
	s.writable = s.send
}

func (s *sender) tooLarge() []int { return s.oversize }

// write sends src. If the socket stays full it drops the rest, or leaves it if keep is
// set. It returns how many datagrams were sent, or with keep how many are done.
func (s *sender) write(src []wire.Datagram, keep bool) (int, error) {
	s.src, s.next, s.from, s.to = src, 0, 0, 0
	s.looked, s.plain, s.oversize = 0, 0, s.oversize[:0]
	s.calls, s.sent, s.bytes = 0, 0, 0
	s.refused, s.suspect, s.failure, s.invalid = false, 0, 0, 0
	err := s.raw.Write(s.writable)
	full := errors.Is(err, os.ErrDeadlineExceeded)
	if full {
		err = nil
	}
	if s.stalled {
		s.stalled = false
		err = errors.Join(err, s.file.SetWriteDeadline(time.Time{}))
	}
	if full && err == nil {
		// The socket counts as writable once half of its buffer is free. There may be
		// some room already.
		s.last = true
		err = s.raw.Write(s.writable)
		s.last = false
	}
	rest := s.unsent()
	if invalid := s.invalidFrom(len(src) - rest); keep {
		s.invalid -= invalid
	} else if full {
		s.counters.writeLoss.add(LossStalled, rest-invalid)
	}
	s.counters.writeLoss.add(LossAddress, s.invalid)
	s.src = nil
	s.counters.wrote(s.calls, s.sent, s.bytes)
	switch {
	case s.sent > 0:
		s.trouble.succeeded()
	case s.failure != 0:
		err = errors.Join(err, s.trouble.failed(s.failure))
	}
	if keep {
		return len(src) - rest, err
	}
	return s.sent, err
}

// unsent returns the number of datagrams of the batch from the first one that is still
// to be sent.
func (s *sender) unsent() int {
	if s.from < s.to {
		return len(s.src) - s.runs[s.from].first
	}
	return len(s.src) - s.next
}

// invalidFrom returns how many datagrams from src[i] on were found to have an invalid
// address.
func (s *sender) invalidFrom(i int) (n int) {
	var name sockaddr
	for ; i < s.looked; i++ {
		if _, ok := name.encode(s.src[i].Addr, s.family, &s.zones); !ok {
			n++
		}
	}
	return n
}

// send reports whether the batch is done. If not, the socket is full.
func (s *sender) send(fd uintptr) (done bool) {
	for s.fill() {
		n, errno := s.pass(fd)
		switch {
		case errno == 0 && n > 0:
			s.took(n)
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN:
			return s.stall()
		case errno == syscall.ECONNREFUSED && !s.refused:
			// The error is about an earlier datagram; this one was not sent.
			s.refused = true
			s.counters.reported.add(LossRefused, 1)
		case s.batched && refused(errno) && refusal(fd, unix.SYS_SENDMMSG) != 0:
			s.unbatch(errno)
		case s.runs[s.from].count > 1:
			s.split(errno)
		case s.dropSource(errno):
		default:
			s.failure = errno
			s.convict(&s.runs[s.from], errno)
			if r := &s.runs[s.from]; errno == syscall.EMSGSIZE && !r.loose && len(s.oversize) < maxBatch {
				s.oversize = append(s.oversize, r.first)
			}
			s.counters.writeLoss.add(lossOf(errno), 1)
			s.skip(1)
		}
	}
	return true
}

// pass gives the next messages to the kernel. A datagram that IP may fragment comes
// alone: the option is that of the socket.
func (s *sender) pass(fd uintptr) (int, syscall.Errno) {
	loose := s.whole && s.runs[s.from].loose
	if loose {
		_ = setFragmentation(int(fd), s.family == unix.AF_INET6, unix.IP_PMTUDISC_DONT, unix.IPV6_PMTUDISC_DONT)
	}
	n, errno := s.call(fd, s.hdrs[s.from:s.to])
	if loose {
		_ = setFragmentation(int(fd), s.family == unix.AF_INET6, unix.IP_PMTUDISC_PROBE, unix.IPV6_PMTUDISC_PROBE)
	}
	return n, errno
}

// unbatch switches to sendmsg because sendmmsg failed with errno.
func (s *sender) unbatch(errno syscall.Errno) {
	s.call, s.batched = sendmsg, false
	s.trouble.logger.Warn("udp: sendmmsg cannot be used here; sending one message per system call", "err", errno)
}

// dropSource removes the source address of the next datagram if errno may mean that
// this host no longer has it, so that the system chooses one. It reports whether it
// removed an address.
func (s *sender) dropSource(errno syscall.Errno) bool {
	c := &s.controls[s.from]
	if c.source == 0 || !sourceGone(lossOf(errno)) {
		return false
	}
	c.reset()
	c.attach(&s.hdrs[s.from])
	s.suspect = 0 // the address explains the error, not GSO
	s.counters.reported.add(LossAddress, 1)
	return true
}

// took records that the kernel accepted the next n messages.
func (s *sender) took(n int) {
	for i := s.from; i < s.from+n; i++ {
		s.sent += s.runs[i].count
		s.bytes += int(s.hdrs[i].n)
		s.acquit(&s.runs[i])
	}
	s.calls++
	s.skip(n)
}

func (s *sender) skip(n int) {
	s.from += n
	s.refused = false
}

// stall makes the poller wait until the socket is writable, for at most maxStall per
// batch. It returns false, since the batch is not done, except for a last attempt.
func (s *sender) stall() (done bool) {
	if s.last {
		return true
	}
	if !s.stalled {
		s.stalled = true
		// This fails only if the socket is closed, and then the wait fails too.
		_ = s.file.SetWriteDeadline(time.Now().Add(maxStall))
	}
	return false
}

// fill ensures that hdrs[from:to] is not empty. It returns false at the end of the
// batch.
func (s *sender) fill() bool {
	if s.from < s.to {
		return true
	}
	s.from, s.to, s.iovsUsed = 0, 0, 0
	for s.next < len(s.src) {
		d := &s.src[s.next]
		if s.to > 0 && (d.Fragment || s.runs[s.to-1].loose) {
			break
		}
		if s.to > 0 && s.extend(&s.runs[s.to-1], d) {
			s.next++
			continue
		}
		if s.to == len(s.hdrs) || s.iovsUsed == len(s.iovs) {
			break
		}
		s.begin(s.to, d)
		s.next++
	}
	s.looked = max(s.looked, s.next)
	return s.to > 0
}

// begin starts message i with d, or counts d as lost if its address is invalid.
func (s *sender) begin(i int, d *wire.Datagram) {
	size, ok := s.names[i].encode(d.Addr, s.family, &s.zones)
	if !ok {
		if s.next >= s.looked {
			s.invalid++
		}
		return
	}
	iov := &s.iovs[s.iovsUsed]
	s.iovsUsed++
	iov.Base = unsafe.SliceData(d.Data)
	iov.SetLen(len(d.Data))
	h := &s.hdrs[i]
	h.Namelen = size
	h.Iov = iov
	h.SetIovlen(1)
	c := &s.controls[i]
	c.reset()
	if d.Local.IsValid() {
		c.setSource(d.Local, s.family)
	}
	c.attach(h)
	s.runs[i] = run{addr: d.Addr, local: d.Local, first: s.next, count: 1, segment: len(d.Data), bytes: len(d.Data), iovs: 1, loose: d.Fragment}
	s.to++
}
