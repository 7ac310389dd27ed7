package udp

import (
	"encoding/binary"
	"math"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/intentra/intentra/wire"
)

// In each of several floods, every datagram is either received or counted as
// overflowed.
func TestOverflow(t *testing.T) {
	for _, addr := range []string{"IPv4", "IPv6", "dual-stack"} {
		t.Run(addr, func(t *testing.T) {
			local := map[string]wire.Datagram{"IPv4": {Addr: loopback4}, "IPv6": {Addr: loopback6}, "dual-stack": {Addr: dualStack}}[addr].Addr
			c, from := listen(t, local, Config{ReadBuffer: 1, Batch: 4}), listen(t, dualStack, Config{DisableGSO: true})
			dest := at(c, loopback4.Addr())
			if addr == "IPv6" {
				dest = at(c, loopback6.Addr())
			}
			src := make([]wire.Datagram, 500)
			for i := range src {
				src[i] = to(dest, "flood")
			}
			for range 3 {
				before := c.Stats()
				require.Equal(t, len(src), send(t, from, src...))
				settle(t, from, c, to(dest, "probe"))
				after := c.Stats()
				require.Greater(t, after.Overflowed-before.Overflowed, uint64(len(src)/2))
				require.Greater(t, after.Received, before.Received)
				require.Zero(t, after.ReadLoss)
			}
		})
	}
}

// settle reads from c until every datagram that from has sent is received or counted. The
// kernel reports drops only with a datagram that it queues later, so settle sends probes.
// One is not always enough, as the kernel may deliver late.
func settle(t *testing.T, from, c *Conn, probe wire.Datagram) {
	t.Helper()
	dst := make([]wire.Datagram, 8)
	for range 1000 {
		requireDrained(t, c, dst)
		s := c.Stats()
		if s.Received+s.Overflowed == from.Stats().Sent {
			return
		}
		send(t, from, probe)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
		_, err := c.ReadBatch(dst)
		require.NoError(t, err)
	}
	s := c.Stats()
	require.Equal(t, from.Stats().Sent, s.Received+s.Overflowed, "%d received, %d overflowed", s.Received, s.Overflowed)
}

// requireDrained reads from c until no datagram is left.
func requireDrained(t *testing.T, c *Conn, dst []wire.Datagram) {
	t.Helper()
	require.NoError(t, c.SetReadDeadline(longAgo))
	for n := 1; n > 0; {
		var err error
		n, err = c.ReadBatch(dst)
		require.NoError(t, err)
	}
}

// putControl writes one control message to c and returns its size with padding.
func putControl(c *receiveControl, level, typ int32, value uint32) (size int) {
	h := (*unix.Cmsghdr)(unsafe.Pointer(&c.data[0]))
	h.Level, h.Type = level, typ
	h.SetLen(unix.CmsgLen(4))
	binary.NativeEndian.PutUint32(c.data[sizeofCmsghdr:], value)
	return unix.CmsgSpace(4)
}

// The kernel counts drops modulo 2^32 and sends no control message while its count is
// zero. Bytes of an earlier control message do not count then.
func TestOverflowCount(t *testing.T) {
	const none = -1
	c := listen(t, loopback4, Config{Batch: 1})
	m := c.sock.(*mmsg)
	count := int64(none) // what the kernel reports
	real := m.rx.call
	m.rx.call = func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
		n, errno := real(fd, hdrs)
		written := count
		if count == none {
			written = 1 // left over from an earlier batch
		}
		size := putControl(&m.rx.controls[0], unix.SOL_SOCKET, unix.SO_RXQ_OVFL, uint32(written))
		if count == none {
			size = 0
		}
		hdrs[0].SetControllen(size)
		return n, errno
	}
	for _, step := range []struct {
		count int64
		want  uint64
	}{
		{none, 0},
		{3, 3},
		{3, 3},
		{10, 10},
		{none, 10},
		{1 << 31, 1 << 31},
		{math.MaxUint32, math.MaxUint32},
		{none, math.MaxUint32}, // wrapped to zero, which is not counted
		{4, 1<<32 + 4},
		{math.MaxUint32, 1<<33 - 1},
	} {
		count = step.count
		send(t, c, to(c.LocalAddr(), "x"))
		receive(t, c, 1)
		require.Equal(t, step.want, c.Stats().Overflowed, "the kernel reports %d", step.count)
	}
}

// Control messages of other kinds are not taken for the count of drops, even if they are
// truncated. A datagram with truncated control data is dropped.
func TestOtherControlMessages(t *testing.T) {
	for _, tt := range []struct {
		options []int
		lost    uint64
	}{
		{[]int{unix.IP_PKTINFO, unix.IP_RECVTTL, unix.IP_RECVTOS}, 1}, // together longer than the buffer
		{[]int{unix.IP_RECVTTL}, 0},                                   // of the same length as the count
	} {
		c := listen(t, loopback4, Config{})
		for _, option := range tt.options {
			withFD(t, c, func(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_IP, option, 1) })
		}
		send(t, c, to(c.LocalAddr(), "x"))
		n := 0
		for s := c.Stats(); s.Received+s.ReadLoss.Total() == 0; s = c.Stats() {
			var err error
			n, err = c.ReadBatch(make([]wire.Datagram, 1))
			require.NoError(t, err)
		}
		require.EqualValues(t, 1-tt.lost, n)
		require.Equal(t, losses(map[Loss]uint64{LossControl: tt.lost}), c.Stats().ReadLoss)
		require.Zero(t, c.Stats().Overflowed)
	}
}

// Reading datagrams with a count of drops does not allocate.
func TestOverflowDoesNotAllocate(t *testing.T) {
	c, from := listen(t, loopback4, Config{ReadBuffer: 1}), listen(t, loopback4, Config{DisableGSO: true})
	src, dst := make([]wire.Datagram, 100), make([]wire.Datagram, 8)
	for i := range src {
		src[i] = to(c.LocalAddr(), "flood")
	}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		from.WriteBatch(src)
		c.SetReadDeadline(longAgo)
		for n := 1; n > 0; {
			n, _ = c.ReadBatch(dst)
		}
	}))
	require.NotZero(t, c.Stats().Overflowed)
}

// The portable socket does not learn of drops in the kernel's queue.
func TestOverflowPortable(t *testing.T) {
	c, from := listen(t, loopback4, Config{ReadBuffer: 1, Portable: true}), listen(t, loopback4, Config{})
	for range 500 {
		send(t, from, to(c.LocalAddr(), "flood"))
	}
	dst := make([]wire.Datagram, 1)
	requireDrained(t, c, dst)
	send(t, from, to(c.LocalAddr(), "probe"))
	requireDrained(t, c, dst)
	s := c.Stats()
	require.Less(t, s.Received, from.Stats().Sent)
	require.Zero(t, s.Overflowed)
}

// The sizes of control messages are those of package unix.
func TestControlLayout(t *testing.T) {
	require.Equal(t, 2*unix.CmsgSpace(4)+unix.CmsgSpace(sizeofTimespec)+unix.CmsgSpace(unix.SizeofInet6Pktinfo), sizeofReceiveControl)
	require.EqualValues(t, unix.CmsgLen(0), sizeofCmsghdr)
	require.Equal(t, unix.CmsgSpace(2), spaceSegment)
	require.Equal(t, unix.CmsgSpace(unix.SizeofInet6Pktinfo), spacePktinfo)
}
