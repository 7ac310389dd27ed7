package udp

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// failingKernel makes every nth system call fail with errno.
type failingKernel struct {
	errno        syscall.Errno
	every, calls int
	failed       int // calls
}

func (g *failingKernel) wrap(real func(uintptr, []mmsghdr) (int, syscall.Errno)) func(uintptr, []mmsghdr) (int, syscall.Errno) {
	return func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
		if g.calls++; g.calls%g.every == 0 {
			g.failed++
			return -1, g.errno
		}
		return real(fd, hdrs)
	}
}

// Whatever errors the kernel reports, sending and receiving continue. Each error is counted
// under its name and costs at most one datagram, and none if it is about an earlier one. If
// a run is refused because of GSO, it and all later datagrams are sent one by one.
func TestThreat28SystemCallErrors(t *testing.T) {
	const batches, each = 50, 20
	total, lost, reported, fellBack := 0, Losses{}, Losses{}, 0
	add := func(sum *Losses, l Losses) {
		for i, n := range l {
			sum[i] += n
		}
	}
	for _, tt := range []struct {
		errno syscall.Errno
		loss  Loss
		gso   bool // GSO stays enabled
	}{
		{syscall.ECONNREFUSED, LossRefused, true},
		{syscall.EPERM, LossNotPermitted, true},
		{syscall.ENOBUFS, LossNoBuffers, true},
		{syscall.ENOMEM, LossNoBuffers, true},
		{syscall.EMSGSIZE, LossTooLarge, true},
		{syscall.EHOSTUNREACH, LossUnreachable, true},
		{syscall.ENETDOWN, LossUnreachable, true},
		{syscall.EINVAL, LossAddress, false},
		{syscall.EIO, LossOther, false},
	} {
		for _, runs := range []bool{true, false} {
			from, c := listen(t, loopback4, Config{DisableGSO: !runs}), listen(t, loopback4, Config{})
			if runs {
				requireOffload(t, from)
			}
			sending, receiving := &failingKernel{errno: tt.errno, every: 3}, &failingKernel{errno: tt.errno, every: 2}
			m := from.sock.(*mmsg)
			m.tx.call = sending.wrap(m.tx.call)
			r := c.sock.(*mmsg)
			r.rx.call = receiving.wrap(r.rx.call)
			for range batches {
				src := sized(c.LocalAddr(), each, 30)
				n := send(t, from, src...) // checks that each is sent or counted
				require.GreaterOrEqual(t, n, each/2, "%v: too few datagrams were sent", tt.errno)
				require.Len(t, receive(t, c, n), n)
				total += each
			}
			requireEmpty(t, c)
			s := from.Stats()
			require.NotZero(t, sending.failed, tt.errno)
			require.Equal(t, s.WriteLoss.Total(), s.WriteLoss[tt.loss], "%v must be counted under its name", tt.errno)
			if !runs {
				require.EqualValues(t, sending.failed, s.WriteLoss.Total()+s.Reported.Total())
			}
			if tt.loss == LossRefused {
				// The error is about an earlier datagram, so the current one is sent.
				require.Zero(t, s.WriteLoss.Total(), "it must cost no datagram")
				require.EqualValues(t, sending.failed, s.Reported[LossRefused])
			}
			require.Equal(t, losses(map[Loss]uint64{tt.loss: uint64(receiving.failed)}), c.Stats().Reported)
			require.Equal(t, runs && tt.gso, from.Offload().GSO, "%v", tt.errno)
			add(&lost, s.WriteLoss)
			add(&reported, s.Reported)
			add(&reported, c.Stats().Reported)
			if runs && !tt.gso {
				fellBack++
				requireSingles(t, m, from, c)
			}
		}
	}
	t.Logf("row 28: %d datagrams under ECONNREFUSED, EPERM, ENOBUFS, ENOMEM, EMSGSIZE, EHOSTUNREACH, ENETDOWN, EINVAL, EIO: counted as lost %d (refused %d, not_permitted %d, no_buffers %d, too_large %d, unreachable %d, address %d, other %d), reported late %d; GSO disabled %d times, sockets closed 0",
		total, lost.Total(), lost[LossRefused], lost[LossNotPermitted], lost[LossNoBuffers], lost[LossTooLarge], lost[LossUnreachable], lost[LossAddress], lost[LossOther], reported.Total(), fellBack)
}

// requireSingles checks that from now sends all datagrams without GSO.
func requireSingles(t *testing.T, m *mmsg, from, c *Conn) {
	t.Helper()
	m.tx.call = func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
		for i := range hdrs {
			require.Zero(t, hdrs[i].Controllen, "control data, such as UDP_SEGMENT")
			require.Equal(t, 1, m.tx.runs[i].count)
		}
		return sendmmsg(fd, hdrs)
	}
	src := sized(c.LocalAddr(), 20, 30)
	require.Equal(t, len(src), send(t, from, src...))
	c.sock.(*mmsg).rx.call = recvmmsg
	requireSame(t, src, receive(t, c, len(src)))
}
