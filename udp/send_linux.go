package udp

import (
	"errors"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/intentra/intentra/wire"
)

// sender sends batches with sendmmsg, each datagram from where it lies.
type sender struct {
	raw      syscall.RawConn
	file     *os.File
	family   uint16 // of the socket: unix.AF_INET or unix.AF_INET6
	counters *counters
	zones    zones
	// call is sendmmsg; tests put failures in its place.
	call func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno)

	// hdrs[i] points at names[i] and, through iovs[i], at the caller's bytes.
	// Those of the last batch stay there unread until the next one.
	hdrs  []mmsghdr
	iovs  []unix.Iovec
	names []sockaddr

	// What the raw connection calls back, made once, with its arguments and
	// its results.
	writable func(fd uintptr) (done bool)
	src      []wire.Datagram // of the caller's batch, what is not yet in hdrs
	from, to int             // hdrs[from:to] is yet to be sent
	refused  bool            // hdrs[from] has met a refusal already
	stalled  bool            // the write deadline is set
	calls    int
	sent     int
	bytes    int
}

func (s *sender) init(raw syscall.RawConn, file *os.File, family uint16, cfg Config, c *counters) {
	s.raw, s.file, s.family, s.counters, s.call = raw, file, family, c, sendmmsg
	s.hdrs = make([]mmsghdr, cfg.Batch)
	s.iovs = make([]unix.Iovec, cfg.Batch)
	s.names = make([]sockaddr, cfg.Batch)
	for i := range s.hdrs {
		s.hdrs[i].Iov = &s.iovs[i]
		s.hdrs[i].SetIovlen(1)
		s.hdrs[i].Name = &s.names[i][0]
	}
	s.writable = s.send
}

func (s *sender) write(src []wire.Datagram) (int, error) {
	s.src, s.from, s.to = src, 0, 0
	s.calls, s.sent, s.bytes = 0, 0, 0
	s.refused = false
	err := s.raw.Write(s.writable)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		s.counters.writeLoss.add(LossStalled, s.to-s.from+len(s.src))
		err = nil
	}
	if s.stalled {
		s.stalled = false
		err = errors.Join(err, s.file.SetWriteDeadline(time.Time{}))
	}
	s.src = nil
	s.counters.wrote(s.calls, s.sent, s.bytes)
	return s.sent, err
}

// send reports whether the batch is done with; if not, the socket is full.
func (s *sender) send(fd uintptr) (done bool) {
	for s.fill() {
		n, errno := s.call(fd, s.hdrs[s.from:s.to])
		switch {
		case errno == 0 && n > 0:
			s.took(n)
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN:
			return s.stall()
		case errno == syscall.ECONNREFUSED && !s.refused:
			// It tells of an earlier datagram; this one has not been tried.
			s.refused = true
			s.counters.reported.add(LossRefused, 1)
		default:
			s.counters.writeLoss.add(lossOf(errno), 1)
			s.skip(1)
		}
	}
	return true
}

// fill makes sure that there is something in hdrs[from:to], and reports false
// once the batch is used up.
func (s *sender) fill() bool {
	if s.from < s.to {
		return true
	}
	s.from, s.to = 0, 0
	for len(s.src) > 0 && s.to < len(s.hdrs) {
		s.put(s.to, s.src[0])
		s.src = s.src[1:]
	}
	return s.to > 0
}

func (s *sender) put(i int, d wire.Datagram) {
	size, ok := s.names[i].encode(d.Addr, s.family, &s.zones)
	if !ok {
		s.counters.writeLoss.add(LossAddress, 1)
		return
	}
	s.hdrs[i].Namelen = size
	s.iovs[i].Base = unsafe.SliceData(d.Data)
	s.iovs[i].SetLen(len(d.Data))
	s.to++
}

// took notes that the kernel took the next n datagrams.
func (s *sender) took(n int) {
	for _, h := range s.hdrs[s.from : s.from+n] {
		s.bytes += int(h.n)
	}
	s.calls++
	s.sent += n
	s.skip(n)
}

func (s *sender) skip(n int) {
	s.from += n
	s.refused = false
}

// stall has the poller wait for the socket, for maxStall in all.
func (s *sender) stall() (done bool) {
	if !s.stalled {
		s.stalled = true
		// It fails only if the socket is closed, and then so does the wait.
		_ = s.file.SetWriteDeadline(time.Now().Add(maxStall))
	}
	return false
}
