package udp

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/wire"
)

// sized returns n datagrams to addr of the given length, with different contents.
func sized(addr netip.AddrPort, n, size int) []wire.Datagram {
	out := make([]wire.Datagram, n)
	for i := range out {
		out[i] = wire.Datagram{Addr: addr, Data: make([]byte, size)}
		for j := range out[i].Data {
			out[i].Data[j] = byte(i + j)
		}
	}
	return out
}

// requireOffload skips the test if the kernel does not support both GSO and GRO.
func requireOffload(t *testing.T, c *Conn) {
	t.Helper()
	if c.Offload() != (Offload{GSO: true, GRO: true}) {
		t.Skipf("the kernel does not support both GSO and GRO for UDP: %+v", c.Offload())
	}
}

// A run takes one system call at each end and arrives as the datagrams that were sent.
func TestRun(t *testing.T) {
	from, c := listen(t, loopback4, Config{}), listen(t, loopback4, Config{})
	requireOffload(t, from)
	src := append(sized(c.LocalAddr(), 40, 200), sized(c.LocalAddr(), 1, 50)...)
	require.Equal(t, len(src), send(t, from, src...))
	requireSame(t, src, receive(t, c, len(src)))
	require.EqualValues(t, 1, from.Stats().WriteCalls)
	require.EqualValues(t, 1, c.Stats().ReadCalls)
	require.EqualValues(t, 40*200+50, c.Stats().ReceivedBytes)
	require.EqualValues(t, 40*200+50, from.Stats().SentBytes)
}

// requireSame checks that two lists of datagrams have the same contents.
func requireSame(t *testing.T, want, got []wire.Datagram) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, want[i].Data, got[i].Data, "datagram %d", i)
	}
}

// A run ends before a datagram with another address, before a longer one, after a
// shorter one, before and after an empty one, and at the limits in datagrams and bytes.
func TestRunEnds(t *testing.T) {
	c, other := listen(t, loopback4, Config{}), listen(t, loopback4, Config{})
	a, b := c.LocalAddr(), other.LocalAddr()
	join := func(parts ...[]wire.Datagram) (all []wire.Datagram) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	for name, tt := range map[string]struct {
		src  []wire.Datagram
		runs []int
	}{
		"address": {join(sized(a, 3, 9), sized(b, 2, 9), sized(a, 1, 9)), []int{3, 2, 1}},
		"longer":  {join(sized(a, 3, 9), sized(a, 2, 10)), []int{3, 2}},
		"shorter": {join(sized(a, 3, 9), sized(a, 3, 8), sized(a, 1, 9)), []int{4, 2, 1}},
		"empty":   {join(sized(a, 2, 9), sized(a, 2, 0), sized(a, 2, 9)), []int{2, 1, 1, 2}},
		"count":   {sized(a, 2*maxSegments+1, 9), []int{maxSegments, maxSegments, 1}},
		"bytes":   {sized(a, 70, 1200), []int{54, 16}},
		"one":     {sized(a, 1, 9), []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			from := listen(t, loopback4, Config{})
			requireOffload(t, from)
			var runs []int
			m := from.sock.(*mmsg)
			real := m.tx.call
			m.tx.call = func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
				for i := range hdrs {
					runs = append(runs, m.tx.runs[i].count)
				}
				return real(fd, hdrs)
			}
			require.Equal(t, len(tt.src), send(t, from, tt.src...))
			require.Equal(t, tt.runs, runs)
		})
	}
}

// A run that does not fit into dst is returned by several calls. Those after the first
// neither wait nor make a system call.
func TestRunInPieces(t *testing.T) {
	from, c := listen(t, loopback4, Config{}), listen(t, loopback4, Config{})
	requireOffload(t, c)
	src := sized(c.LocalAddr(), 10, 30)
	send(t, from, src...)
	var got []wire.Datagram
	dst := make([]wire.Datagram, 3)
	for _, want := range []int{3, 3, 3, 1} {
		n, err := c.ReadBatch(dst)
		require.NoError(t, err)
		require.Equal(t, want, n)
		require.EqualValues(t, 1, c.Stats().ReadCalls)
		for _, d := range dst[:n] {
			require.Equal(t, len(d.Data), cap(d.Data), "the capacity of a datagram extends into the next one")
			got = append(got, wire.Datagram{Data: append([]byte(nil), d.Data...)})
		}
	}
	requireSame(t, src, got)
	requireEmpty(t, c)
}

// Datagrams of a run that are longer than MaxDatagram are dropped, not truncated.
func TestRunTooLong(t *testing.T) {
	from, c := listen(t, loopback4, Config{}), listen(t, loopback4, Config{MaxDatagram: 100})
	requireOffload(t, c)
	send(t, from, append(sized(c.LocalAddr(), 3, 101), sized(c.LocalAddr(), 1, 100)...)...)
	require.Len(t, receive(t, c, 1)[0].Data, 100)
	require.Equal(t, losses(map[Loss]uint64{LossTruncated: 3}), c.Stats().ReadLoss)
}

// If the kernel refuses a run, its datagrams are sent one by one. GSO is disabled only if
// it was the cause.
func TestRunRefused(t *testing.T) {
	const eio, einval = syscall.EIO, syscall.EINVAL
	for _, tt := range []struct {
		name   string
		errnos []syscall.Errno
		loss   map[Loss]uint64
		gso    bool
	}{
		{"no checksums", []syscall.Errno{eio}, nil, false},
		{"invalid", []syscall.Errno{einval}, nil, false},
		{"invalid address", []syscall.Errno{einval, einval, einval, einval, einval}, map[Loss]uint64{LossAddress: 4}, true},
		{"too large for the route", []syscall.Errno{syscall.EMSGSIZE, syscall.EMSGSIZE, syscall.EMSGSIZE}, map[Loss]uint64{LossTooLarge: 2}, true},
		{"firewall", []syscall.Errno{syscall.EPERM, syscall.EPERM}, map[Loss]uint64{LossNotPermitted: 1}, true},
		{"refused once", []syscall.Errno{syscall.ECONNREFUSED}, nil, true},
		{"interrupted", []syscall.Errno{syscall.EINTR}, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			from, c := listen(t, loopback4, Config{}), listen(t, loopback4, Config{})
			requireOffload(t, from)
			faulty(&from.sock.(*mmsg).tx.call, tt.errnos...)
			src := append(sized(c.LocalAddr(), 4, 30), to(loopback4, "port 0"), to(c.LocalAddr(), "next"))
			n := send(t, from, src...)
			want := losses(tt.loss)
			want[LossAddress]++ // the datagram to port 0, counted once
			require.Equal(t, want, from.Stats().WriteLoss)
			require.Len(t, receive(t, c, n), n)
			require.Equal(t, tt.gso, from.Offload().GSO)
			require.Equal(t, len(src)-1, send(t, from, src...))
		})
	}
}

// If the segments of a run are too long for the route to one peer, the kernel reports
// EINVAL, although a shorter last datagram can be sent. GSO stays enabled for other peers.
func TestRunTooLongForTheRoute(t *testing.T) {
	const fits = 1472
	for _, last := range []int{100, 3000} { // a full-sized one passes if the route has changed since
		from, c := listen(t, loopback4, Config{MaxDatagram: 4000}), listen(t, loopback4, Config{MaxDatagram: 4000})
		requireOffload(t, from)
		tx := &from.sock.(*mmsg).tx
		real := tx.call
		tx.call = func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
			switch r := tx.runs[tx.from]; {
			case r.segment <= fits:
			case r.count > 1:
				return -1, syscall.EINVAL
			case r.first < 3:
				return -1, syscall.EMSGSIZE
			}
			return real(fd, hdrs[:1])
		}
		n := send(t, from, append(sized(c.LocalAddr(), 3, 3000), sized(c.LocalAddr(), 1, last)...)...)
		require.Equal(t, 1, n)
		require.Equal(t, losses(map[Loss]uint64{LossTooLarge: 3}), from.Stats().WriteLoss)
		require.True(t, from.Offload().GSO)
	}
}

// After a run failed with EINVAL, GSO is not disabled because of what happens to another
// run or to a shorter datagram.
func TestInvalidRunIsForgotten(t *testing.T) {
	for name, errnos := range map[string][]syscall.Errno{
		"next run fails with another error": {syscall.EINVAL, syscall.EINVAL, syscall.EINVAL, syscall.EPERM},
		"next run is sent":                  {syscall.EINVAL, syscall.EINVAL, syscall.EINVAL},
		"a shorter one is sent":             {syscall.EINVAL, syscall.EINVAL},
	} {
		t.Run(name, func(t *testing.T) {
			from, c := listen(t, loopback4, Config{}), listen(t, loopback4, Config{})
			other := listen(t, loopback4, Config{})
			requireOffload(t, from)
			tx := &from.sock.(*mmsg).tx
			real := tx.call
			tx.call = func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) { return real(fd, hdrs[:1]) }
			faulty(&tx.call, errnos...)
			src := append(sized(c.LocalAddr(), 1, 30), sized(c.LocalAddr(), 1, 20)...)
			if len(errnos) > 2 {
				src = append(sized(c.LocalAddr(), 2, 30), sized(other.LocalAddr(), 2, 30)...)
			}
			send(t, from, src...)
			require.True(t, from.Offload().GSO)
		})
	}
}

// Whatever is sent, and whichever errors the kernel returns, each datagram arrives once,
// whole and in order, or is counted as lost.
func TestRunsConserve(t *testing.T) {
	r := seed.Rand(t)
	errnos := []syscall.Errno{syscall.EINVAL, syscall.EMSGSIZE, syscall.EPERM, syscall.ECONNREFUSED, syscall.EINTR, syscall.ENOBUFS}
	for range 200 {
		dests := [2]*Conn{listen(t, loopback4, Config{Batch: 1 + r.IntN(8)}), listen(t, loopback6, Config{})}
		from := listen(t, dualStack, Config{Batch: 1 + r.IntN(8)})
		m := from.sock.(*mmsg)
		real := m.tx.call
		m.tx.call = func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
			if r.IntN(8) == 0 {
				return -1, errnos[r.IntN(len(errnos))]
			}
			return real(fd, hdrs[:1+r.IntN(len(hdrs))])
		}
		src := randomBatch(r, dests)
		sent := send(t, from, src...)
		require.Equal(t, sent, requireSubsequence(t, src, dests))
		for _, c := range dests {
			require.NoError(t, c.Close())
		}
		require.NoError(t, from.Close())
	}
}

// randomBatch returns at least 60 datagrams to dests and to an invalid address, in groups
// of equal address and length.
func randomBatch(r *rand.Rand, dests [2]*Conn) (src []wire.Datagram) {
	addrs := []netip.AddrPort{dests[0].LocalAddr(), dests[1].LocalAddr(), loopback4}
	block := make([]byte, 0, 1<<14) // some datagrams are adjacent in memory
	for len(src) < 60 {
		addr, size := addrs[r.IntN(len(addrs))], r.IntN(20)
		for range 1 + r.IntN(9) {
			data := block[len(block) : len(block)+size]
			block = block[:len(block)+size+r.IntN(2)]
			if size > 0 {
				copy(data, fmt.Sprintf("%d/%d", len(src), size))
			}
			src = append(src, wire.Datagram{Addr: addr, Data: data})
		}
	}
	return src
}

// requireSubsequence checks that the datagrams that arrive at each of dests are a
// subsequence of those sent there, and returns how many arrived.
func requireSubsequence(t *testing.T, src []wire.Datagram, dests [2]*Conn) (total int) {
	t.Helper()
	for _, c := range dests {
		left := src
		dst := make([]wire.Datagram, 5)
		require.NoError(t, c.SetReadDeadline(longAgo))
		for n := 1; n > 0; {
			var err error
			n, err = c.ReadBatch(dst)
			require.NoError(t, err)
			total += n
			for _, d := range dst[:n] {
				for len(left) > 0 && (left[0].Addr != c.LocalAddr() || string(left[0].Data) != string(d.Data)) {
					left = left[1:]
				}
				require.NotEmpty(t, left, "%q was not sent, or not in this order", d.Data)
				left = left[1:]
			}
		}
	}
	return total
}

// Datagrams older than MaxQueueDelay are dropped, and each of a run is counted. Fresher
// ones are returned. Without a limit all are returned.
func TestStale(t *testing.T) {
	for _, limit := range []time.Duration{time.Minute, -1} {
		from, c := listen(t, loopback4, Config{}), listen(t, loopback4, Config{MaxQueueDelay: limit})
		requireOffload(t, c)
		m := c.sock.(*mmsg)
		send(t, from, sized(c.LocalAddr(), 5, 30)...)
		m.rx.now = func() time.Time { return time.Now().Add(2 * time.Minute) }
		dst := make([]wire.Datagram, 8)
		n, err := c.ReadBatch(dst)
		require.NoError(t, err)
		if limit < 0 {
			require.Equal(t, 5, n)
			require.Zero(t, c.Stats().ReadLoss)
			continue
		}
		require.Zero(t, n)
		require.Equal(t, losses(map[Loss]uint64{LossStale: 5}), c.Stats().ReadLoss)

		m.rx.now = time.Now
		send(t, from, sized(c.LocalAddr(), 5, 30)...)
		require.Len(t, receive(t, c, 5), 5)
		// If the clock was set back, nothing is stale.
		send(t, from, sized(c.LocalAddr(), 5, 30)...)
		m.rx.now = func() time.Time { return time.Unix(0, 0) }
		require.Len(t, receive(t, c, 5), 5)
	}
}

// FuzzControl parses any control messages. They come from the kernel, or from a sandbox
// that imitates it. Bytes after them are not read.
func FuzzControl(f *testing.F) {
	var c receiveControl
	size := putControl(&c, syscall.SOL_SOCKET, 40, 7)
	f.Add(c.data[:size])
	f.Fuzz(func(t *testing.T, data []byte) {
		var c receiveControl
		n := copy(c.data[:], data)
		whole := c.parse(n)
		// Bytes after those that were written make no difference.
		for i := n; i < len(c.data); i++ {
			c.data[i] ^= 0xff
		}
		require.Equal(t, whole, c.parse(n))
	})
}
