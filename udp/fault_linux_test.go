package udp

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/intentra/intentra/wire"
)

// faulty makes the next calls of a system call fail with errnos, one after the other. A
// zero, and the end of errnos, let the real call through.
func faulty(call *func(uintptr, []mmsghdr) (int, syscall.Errno), errnos ...syscall.Errno) {
	real := *call
	*call = func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
		if len(errnos) == 0 {
			return real(fd, hdrs)
		}
		errno := errnos[0]
		errnos = errnos[1:]
		if errno == 0 {
			return real(fd, hdrs)
		}
		return -1, errno
	}
}

// An error of a send is counted under its reason and costs one datagram. Interrupted
// calls and errors about earlier datagrams cost none.
func TestSendErrors(t *testing.T) {
	for _, tt := range []struct {
		errnos   []syscall.Errno
		loss     map[Loss]uint64
		reported uint64
	}{
		{[]syscall.Errno{syscall.EPERM}, map[Loss]uint64{LossNotPermitted: 1}, 0},
		{[]syscall.Errno{syscall.EACCES}, map[Loss]uint64{LossNotPermitted: 1}, 0},
		{[]syscall.Errno{syscall.ENOBUFS, syscall.ENOMEM}, map[Loss]uint64{LossNoBuffers: 2}, 0},
		{[]syscall.Errno{syscall.EMSGSIZE}, map[Loss]uint64{LossTooLarge: 1}, 0},
		{[]syscall.Errno{syscall.EHOSTUNREACH, syscall.ENETUNREACH}, map[Loss]uint64{LossUnreachable: 2}, 0},
		{[]syscall.Errno{syscall.EINVAL}, map[Loss]uint64{LossAddress: 1}, 0},
		{[]syscall.Errno{syscall.EIO}, map[Loss]uint64{LossOther: 1}, 0},
		{[]syscall.Errno{syscall.EINTR, syscall.EINTR}, nil, 0},
		{[]syscall.Errno{syscall.ECONNREFUSED}, nil, 1},
		{[]syscall.Errno{syscall.ECONNREFUSED, syscall.ECONNREFUSED, syscall.ECONNREFUSED}, map[Loss]uint64{LossRefused: 1}, 2},
		{[]syscall.Errno{0, syscall.EPERM, syscall.EPERM}, map[Loss]uint64{LossNotPermitted: 2}, 0},
	} {
		c := listen(t, loopback4, Config{Batch: 4, DisableGSO: true})
		faulty(&c.sock.(*mmsg).tx.call, tt.errnos...)
		src := make([]wire.Datagram, 10)
		for i := range src {
			src[i] = to(c.LocalAddr(), "x")
		}
		n := send(t, c, src...)
		require.Equal(t, losses(tt.loss), c.Stats().WriteLoss, "%v", tt.errnos)
		require.Equal(t, losses(map[Loss]uint64{LossRefused: tt.reported}), c.Stats().Reported, "%v", tt.errnos)
		require.Len(t, receive(t, c, n), n)
		requireEmpty(t, c)
	}
}

// If the socket stays full, WriteBatch waits for a bounded time and drops the rest of the
// batch. The next batch is sent.
func TestSendStalls(t *testing.T) {
	c := listen(t, loopback4, Config{Batch: 2, DisableGSO: true})
	m := c.sock.(*mmsg)
	full := m.tx.call
	calls := 0
	m.tx.call = func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
		if calls++; calls > 1 {
			return -1, syscall.EAGAIN
		}
		return full(fd, hdrs)
	}
	src := make([]wire.Datagram, 7)
	for i := range src {
		src[i] = to(c.LocalAddr(), "x")
	}
	src[4].Addr = loopback4 // port 0 is invalid, but the stall comes first
	require.Equal(t, 2, send(t, c, src...))
	require.Equal(t, losses(map[Loss]uint64{LossStalled: 5}), c.Stats().WriteLoss)

	m.tx.call = full
	require.Equal(t, 6, send(t, c, src...))
	require.Len(t, receive(t, c, 8), 8)
}

// Errors of a read are counted, and the read continues.
func TestReceiveErrors(t *testing.T) {
	c := listen(t, loopback4, Config{})
	faulty(&c.sock.(*mmsg).rx.call, syscall.ECONNREFUSED, syscall.EINTR, syscall.EHOSTUNREACH, syscall.EIO)
	send(t, c, to(c.LocalAddr(), "x"))
	require.Len(t, receive(t, c, 1), 1)
	require.Equal(t, losses(map[Loss]uint64{LossRefused: 1, LossUnreachable: 1, LossOther: 1}), c.Stats().Reported)
}

// ReadBatch returns even if every system call fails.
func TestReceiveErrorForEver(t *testing.T) {
	c := listen(t, loopback4, Config{})
	c.sock.(*mmsg).rx.call = func(uintptr, []mmsghdr) (int, syscall.Errno) { return -1, syscall.EIO }
	n, err := c.ReadBatch(make([]wire.Datagram, 1))
	require.NoError(t, err)
	require.Zero(t, n)
	require.EqualValues(t, maxReports, c.Stats().Reported[LossOther])
}

// A datagram that the kernel flags as truncated, or without a valid address, is dropped
// and counted. The others of the batch are returned.
func TestReceiveFlags(t *testing.T) {
	c := listen(t, loopback4, Config{DisableGSO: true})
	m := c.sock.(*mmsg)
	real := m.rx.call
	m.rx.call = func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
		n, errno := real(fd, hdrs)
		if n == 5 {
			hdrs[3].Flags |= unix.MSG_CTRUNC
			hdrs[2].Flags |= unix.MSG_TRUNC
			hdrs[0].Namelen = 0
		}
		return n, errno
	}
	var src []wire.Datagram
	for _, s := range []string{"0", "1", "2", "3", "4"} {
		src = append(src, to(c.LocalAddr(), s))
	}
	send(t, c, src...)
	dst := make([]wire.Datagram, 8)
	n, err := c.ReadBatch(dst)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, "1", string(dst[0].Data))
	require.Equal(t, "4", string(dst[1].Data))
	require.Equal(t, losses(map[Loss]uint64{LossControl: 1, LossTruncated: 1, LossAddress: 1}), c.Stats().ReadLoss)

	other := listen(t, loopback4, Config{})
	send(t, other, to(c.LocalAddr(), "next")) // the headers must have been reset
	require.Equal(t, other.LocalAddr(), receive(t, c, 1)[0].Addr)
}

// The kernel reports a refused datagram on any later call. No other datagram is lost.
func TestRealRefusals(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		a, b := listen(t, loopback4, cfg), listen(t, loopback4, cfg)
		reportErrors(t, a)
		dead := closedPort(t)
		src := []wire.Datagram{to(dead, "x"), to(b.LocalAddr(), "1"), to(dead, "x"), to(b.LocalAddr(), "2"), to(dead, "x")}
		require.Equal(t, len(src), send(t, a, src...))
		got := receive(t, b, 2)
		require.Equal(t, "1", string(got[0].Data))
		require.Equal(t, "2", string(got[1].Data))
		send(t, b, to(a.LocalAddr(), "answer"))
		require.Equal(t, "answer", string(receive(t, a, 1)[0].Data))
		// Not all refusals are reported: sendmmsg drops an error that follows a datagram
		// that was sent.
		reported := a.Stats().Reported
		require.NotZero(t, reported[LossRefused])
		require.Equal(t, reported.Total(), reported[LossRefused])
	})
}

// reportErrors makes the kernel report errors of datagrams sent earlier. For unconnected
// sockets it does so only on request.
func reportErrors(t *testing.T, c *Conn) {
	t.Helper()
	withFD(t, c, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1)
	})
}

// withFD calls f with the file descriptor of c.
func withFD(t *testing.T, c *Conn, f func(fd int) error) {
	t.Helper()
	var raw syscall.RawConn
	var err error
	switch s := c.sock.(type) {
	case *mmsg:
		raw = s.tx.raw
	case *portable:
		raw, err = s.SyscallConn()
	}
	require.NoError(t, err)
	require.NoError(t, errors.Join(raw.Control(func(fd uintptr) { err = f(int(fd)) }), err))
}

// DisableDontFragment decides about the don't-fragment bit, and broadcasts stay disabled.
func TestSocketOptions(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		for _, fragment := range []bool{false, true} {
			cfg.DisableDontFragment = fragment
			want4, want6 := unix.IP_PMTUDISC_PROBE, unix.IPV6_PMTUDISC_PROBE
			if fragment {
				want4, want6 = unix.IP_PMTUDISC_DONT, unix.IPV6_PMTUDISC_DONT
			}
			for _, addr := range []struct {
				c  *Conn
				v6 bool
			}{{listen(t, loopback4, cfg), false}, {listen(t, dualStack, cfg), true}} {
				withFD(t, addr.c, func(fd int) error {
					got, err := unix.GetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER)
					require.NoError(t, err)
					require.Equal(t, want4, got)
					if addr.v6 {
						got, err = unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER)
						require.NoError(t, err)
						require.Equal(t, want6, got)
					}
					got, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST)
					require.NoError(t, err)
					require.Zero(t, got)
					return nil
				})
			}
		}
	})
}

// Wakes and deadlines do not allocate, because event loops use them all the time.
func TestWakeDoesNotAllocate(t *testing.T) {
	c := listen(t, loopback4, Config{})
	dst := make([]wire.Datagram, 4)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		c.Wake()
		if n, err := c.ReadBatch(dst); n != 0 || err != nil {
			t.Fatal(n, err)
		}
		c.SetReadDeadline(time.Now().Add(10 * time.Microsecond))
		if n, err := c.ReadBatch(dst); n != 0 || err != nil {
			t.Fatal(n, err)
		}
	}))
}

// A Wake after the reader has found the socket empty ends its wait, without another system
// call, which would delay what it was woken for.
func TestWakeWhileBlocked(t *testing.T) {
	c := listen(t, loopback4, Config{})
	m := c.sock.(*mmsg)
	real := m.rx.call
	empty, calls := make(chan bool, 1), 0
	m.rx.call = func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
		calls++
		n, errno := real(fd, hdrs)
		select {
		case empty <- errno == syscall.EAGAIN:
		default:
		}
		return n, errno
	}
	ended := make(chan error)
	go func() {
		n, err := c.ReadBatch(make([]wire.Datagram, 1))
		if n != 0 {
			err = errors.New("received a datagram that was never sent")
		}
		ended <- err
	}()
	require.True(t, <-empty)
	c.Wake()
	require.NoError(t, <-ended)
	require.Equal(t, 1, calls)
}

// A reader whose deadline ends its wait returns what has come before, also if it is woken after the
// deadline: when a process was paused, it notices the deadline first.
func TestPausedBeforeItsDeadline(t *testing.T) {
	for _, woken := range []bool{false, true} {
		c := listen(t, loopback4, Config{})
		m := c.sock.(*mmsg)
		real, paused := m.rx.call, false
		var deadline time.Time
		m.rx.call = func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
			n, errno := real(fd, hdrs)
			if paused || time.Now().After(deadline) {
				return n, errno
			}
			paused = true
			send(t, c, to(c.LocalAddr(), "x"))
			_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
			require.NoError(t, err)
			for !time.Now().After(deadline) {
				runtime.Gosched()
			}
			if woken {
				c.Wake()
			} else {
				require.NoError(t, m.setReadDeadline(longAgo)) // as when its timer has run
			}
			return n, errno
		}
		n := 0
		for !paused { // the deadline may pass before the reader waits
			deadline = time.Now().Add(2 * time.Millisecond)
			require.NoError(t, c.SetReadDeadline(deadline))
			var err error
			n, err = c.ReadBatch(make([]wire.Datagram, 1))
			require.NoError(t, err)
		}
		require.Equal(t, 1, n, "woken: %v", woken)
	}
}

// A Conn makes one system call for each Config.Batch datagrams.
func TestBatching(t *testing.T) {
	c := listen(t, loopback4, Config{Batch: 32, DisableGSO: true})
	src, dst := make([]wire.Datagram, 96), make([]wire.Datagram, 96)
	for i := range src {
		src[i] = to(c.LocalAddr(), "x")
	}
	require.Equal(t, 96, send(t, c, src...))
	for n := 0; n < 96; {
		got, err := c.ReadBatch(dst)
		require.NoError(t, err)
		n += got
	}
	require.EqualValues(t, 3, c.Stats().WriteCalls)
	require.EqualValues(t, 3, c.Stats().ReadCalls)
}

// The layout of mmsghdr is the kernel's, on 32 and 64 bits.
func TestLayout(t *testing.T) {
	word := unsafe.Sizeof(uintptr(0))
	require.EqualValues(t, map[uintptr]uintptr{4: 32, 8: 64}[word], unsafe.Sizeof(mmsghdr{}))
	require.EqualValues(t, map[uintptr]uintptr{4: 28, 8: 56}[word], unsafe.Offsetof(mmsghdr{}.n))
}

// A socket uses one file descriptor, and a Listen that fails leaves none open.
func TestDescriptors(t *testing.T) {
	count := func() int {
		fds, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		return len(fds)
	}
	first := listen(t, loopback4, Config{}) // after this the poller's own descriptors are open
	before := count()
	c := listen(t, loopback4, Config{})
	require.Equal(t, before+1, count())
	_, err := Listen(first.LocalAddr(), Config{})
	require.Error(t, err)
	require.NoError(t, c.Close())
	require.Equal(t, before, count())
}

// WriteSome leaves what a full socket does not take, and its counts are those of a
// batch that was written at once.
func TestWriteSomeLeavesTheRest(t *testing.T) {
	for _, gso := range []bool{false, true} {
		c := listen(t, loopback4, Config{Batch: 4, DisableGSO: !gso})
		m := c.sock.(*mmsg)
		full := m.tx.call
		room := 1
		m.tx.call = func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
			if room == 0 {
				return -1, syscall.EAGAIN
			}
			room--
			return full(fd, hdrs[:1])
		}
		src := make([]wire.Datagram, 12)
		for i := range src {
			src[i] = to(c.LocalAddr(), "x")
		}
		for _, i := range []int{3, 5, 11} {
			src[i].Addr = loopback4 // port 0 is invalid
		}
		rest, calls := src, 0
		for len(rest) > 0 {
			done, err := c.WriteSome(rest)
			require.NoError(t, err)
			rest = rest[done:]
			room = 1
			require.Less(t, calls, 13)
			calls++
		}
		require.Greater(t, calls, 2)
		require.Equal(t, losses(map[Loss]uint64{LossAddress: 3}), c.Stats().WriteLoss)
		require.EqualValues(t, 9, c.Stats().Sent)
		require.Len(t, receive(t, c, 9), 9)
		requireEmpty(t, c)
	}
}

// A full socket is tried once more at the end of the wait: the system reports room only
// when half of the buffer is free.
func TestLastAttemptAtFullSocket(t *testing.T) {
	c := listen(t, loopback4, Config{})
	m := c.sock.(*mmsg)
	faulty(&m.tx.call, syscall.EAGAIN)
	poller := m.tx.raw
	m.tx.raw = unready{poller, &m.tx}
	require.Equal(t, 1, send(t, c, to(c.LocalAddr(), "x")))
	require.Zero(t, c.Stats().WriteLoss.Total())
	require.Len(t, receive(t, c, 1), 1)
}

// unready is a connection that never becomes writable while its sender waits.
type unready struct {
	syscall.RawConn
	s *sender
}

func (u unready) Write(f func(uintptr) bool) error {
	if done := false; u.RawConn.Control(func(fd uintptr) { done = f(fd) }) == nil && done {
		return nil
	}
	return os.ErrDeadlineExceeded
}
