package udp

import (
	"net/netip"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/intentra/intentra/wire"
)

// narrow is a kernel whose interface carries datagrams of up to fits bytes. It refuses a
// larger one, or a run of larger ones, unless the socket lets IP fragment at the time of
// the call. calls lists the datagrams of each call that sent something.
type narrow struct {
	fits  int
	calls [][]int // lengths
}

// narrowed makes c send through such a kernel.
func narrowed(t *testing.T, c *Conn, fits int) *narrow {
	k := &narrow{fits: fits}
	tx := &c.sock.(*mmsg).tx
	real := tx.call
	tx.call = func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
		level, option, dont := unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DONT
		if tx.family == unix.AF_INET6 {
			level, option, dont = unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_DONT
		}
		mode, err := unix.GetsockoptInt(int(fd), level, option)
		require.NoError(t, err)
		n := 0
		for n < len(hdrs) && (tx.runs[tx.from+n].segment <= fits || mode == dont) {
			n++
		}
		if n == 0 {
			return -1, syscall.EMSGSIZE
		}
		n, errno := real(fd, hdrs[:n])
		var lengths []int
		for i := range max(n, 0) {
			r := tx.runs[tx.from+i]
			for left := r.bytes; left > 0; left -= r.segment {
				lengths = append(lengths, min(left, r.segment))
			}
		}
		k.calls = append(k.calls, lengths)
		return n, errno
	}
	return k
}

// of returns one datagram of each length to addr; those with a negative length may be
// fragmented.
func of(addr netip.AddrPort, lengths ...int) (all []wire.Datagram) {
	for i, n := range lengths {
		d := wire.Datagram{Addr: addr, Data: make([]byte, max(n, -n)), Fragment: n < 0}
		d.Data[0] = byte(i)
		all = append(all, d)
	}
	return all
}

// A datagram that may be fragmented is sent although the interface carries less, in its
// place and in a call of its own, and the don't-fragment flag applies to all others.
func TestFragment(t *testing.T) {
	for _, listenAt := range []netip.AddrPort{loopback4, loopback6} {
		from, c := listen(t, listenAt, Config{MaxDatagram: 4000}), listen(t, listenAt, Config{MaxDatagram: 4000})
		k := narrowed(t, from, 1000)
		src := of(c.LocalAddr(), 500, 500, -3000, -3000, 400, -100, 1500, 300)
		require.Equal(t, 7, send(t, from, src...))
		require.Equal(t, [][]int{{500, 500}, {3000}, {3000}, {400}, {100}, {300}}, k.calls)
		require.Equal(t, []int{6}, from.TooLarge())
		var order []byte
		for _, d := range receive(t, c, 7) {
			order = append(order, d.Data[0])
		}
		require.Equal(t, []byte{0, 1, 2, 3, 4, 5, 7}, order)
	}
}

// Without the don't-fragment flag there is nothing to switch, and all are sent.
func TestFragmentEverything(t *testing.T) {
	from, c := listen(t, loopback4, Config{DisableDontFragment: true, DisableGSO: true}), listen(t, loopback4, Config{})
	modes := map[int]int{}
	tx := &from.sock.(*mmsg).tx
	real := tx.call
	tx.call = func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
		mode, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER)
		require.NoError(t, err)
		modes[mode]++
		return real(fd, hdrs)
	}
	require.Equal(t, 3, send(t, from, of(c.LocalAddr(), 100, -200, 300)...))
	require.Len(t, modes, 1)
	require.Len(t, receive(t, c, 3), 3)
}

// TooLarge names the datagrams of the latest batch that were refused for their size, alone
// or in a run, by their indexes, and no others: not those that may be fragmented, and not
// those that are lost for another reason.
func TestTooLarge(t *testing.T) {
	for _, cfg := range []Config{{MaxDatagram: 4000}, {MaxDatagram: 4000, DisableGSO: true}, {MaxDatagram: 4000, Batch: 2}} {
		from, c := listen(t, loopback4, cfg), listen(t, loopback4, Config{MaxDatagram: 4000})
		narrowed(t, from, 1000)
		require.Empty(t, from.TooLarge())
		src := append(of(c.LocalAddr(), 1001, 1000, 2000, 2000, 2000, 5), of(netip.AddrPortFrom(c.LocalAddr().Addr(), 0), 5)...)
		src = append(src, of(c.LocalAddr(), 9, 1200)...)
		require.Equal(t, 3, send(t, from, src...))
		require.Equal(t, []int{0, 2, 3, 4, 8}, from.TooLarge())
		require.Equal(t, losses(map[Loss]uint64{LossTooLarge: 5, LossAddress: 1}), from.Stats().WriteLoss)
		require.Len(t, receive(t, c, 3), 3)

		require.Equal(t, 1, send(t, from, of(c.LocalAddr(), 1000)...))
		require.Empty(t, from.TooLarge(), "of an earlier batch")
		done, err := from.WriteSome(of(c.LocalAddr(), 7, 1001))
		require.NoError(t, err)
		require.Equal(t, 2, done)
		require.Equal(t, []int{1}, from.TooLarge())
	}
}

// However many are refused, no more are named than a batch holds.
func TestTooLargeIsBounded(t *testing.T) {
	from := listen(t, loopback4, Config{DisableGSO: true})
	narrowed(t, from, 10)
	src := sized(loopback4, maxBatch+100, 11)
	for i := range src {
		src[i].Addr = from.LocalAddr()
	}
	require.Zero(t, send(t, from, src...))
	require.Len(t, from.TooLarge(), maxBatch)
}

// A socket of package net does not name any.
func TestTooLargePortable(t *testing.T) {
	c := listen(t, loopback4, Config{Portable: true})
	require.Zero(t, send(t, c, of(c.LocalAddr(), 65508)...))
	require.Empty(t, c.TooLarge())
	require.Equal(t, losses(map[Loss]uint64{LossTooLarge: 1}), c.Stats().WriteLoss)
}
