package udp

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// failingKernel is a kernel that answers each system call with an error every so often,
// and does what it is asked in between.
type failingKernel struct {
	errno    syscall.Errno
	every, n int
	given    int
}

func (g *failingKernel) wrap(real func(uintptr, []mmsghdr) (int, syscall.Errno)) func(uintptr, []mmsghdr) (int, syscall.Errno) {
	return func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
		if g.n++; g.n%g.every == 0 {
			g.given++
			return -1, g.errno
		}
		return real(fd, hdrs)
	}
}

// Whatever the kernel reports, on sending and on receiving, neither ends: each
// error is counted under its name and costs one datagram, or none where it tells
// of an earlier one. A run that is refused for GSO's sake goes datagram by
// datagram, and so do all after it.
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
		gso   bool // stays in use
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
				n := send(t, from, src...) // which checks that each is sent or counted
				require.GreaterOrEqual(t, n, each/2, "%v: the rest are still sent", tt.errno)
				require.Len(t, receive(t, c, n), n)
				total += each
			}
			requireEmpty(t, c)
			s := from.Stats()
			require.NotZero(t, sending.given, tt.errno)
			require.Equal(t, s.WriteLoss.Total(), s.WriteLoss[tt.loss], "%v is counted by its name", tt.errno)
			if !runs {
				require.EqualValues(t, sending.given, s.WriteLoss.Total()+s.Reported.Total())
			}
			if tt.loss == LossRefused {
				// The datagram for which it is reported has not been tried yet.
				require.Zero(t, s.WriteLoss.Total(), "it costs none")
				require.EqualValues(t, sending.given, s.Reported[LossRefused])
			}
			require.Equal(t, losses(map[Loss]uint64{tt.loss: uint64(receiving.given)}), c.Stats().Reported)
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
	t.Logf("row 28: %d datagrams under ECONNREFUSED, EPERM, ENOBUFS, ENOMEM, EMSGSIZE, EHOSTUNREACH, ENETDOWN, EINVAL, EIO: lost and counted %d (refused %d, not_permitted %d, no_buffers %d, too_large %d, unreachable %d, address %d, other %d), reported late %d; GSO given up %d times, sockets ended 0",
		total, lost.Total(), lost[LossRefused], lost[LossNotPermitted], lost[LossNoBuffers], lost[LossTooLarge], lost[LossUnreachable], lost[LossAddress], lost[LossOther], reported.Total(), fellBack)
}

// requireSingles checks that from sends without GSO now, and all that it is given.
func requireSingles(t *testing.T, m *mmsg, from, c *Conn) {
	t.Helper()
	m.tx.call = func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
		for i := range hdrs {
			require.Zero(t, hdrs[i].Controllen, "no UDP_SEGMENT")
			require.Equal(t, 1, m.tx.runs[i].count)
		}
		return sendmmsg(fd, hdrs)
	}
	src := sized(c.LocalAddr(), 20, 30)
	require.Equal(t, len(src), send(t, from, src...))
	c.sock.(*mmsg).rx.call = recvmmsg
	requireSame(t, src, receive(t, c, len(src)))
}
