package udp

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/intentra/intentra/wire"
)

// EMSGSIZE, with which Windows reports a truncated datagram, counts as one that was
// truncated. Any other error of a read is reported by its own name.
func TestPortableReadErrors(t *testing.T) {
	errnos := map[string]syscall.Errno{"EMSGSIZE": syscall.EMSGSIZE, "ENOBUFS": syscall.ENOBUFS, "ENETDOWN": syscall.ENETDOWN}
	mode, filtered := inFilteredProcess(t, "EMSGSIZE", "ENOBUFS", "ENETDOWN")
	if !filtered {
		return
	}
	c := listen(t, loopback4, Config{Portable: true})
	refuse(t, errnos[mode], []unix.SockFilter{
		{Code: bpfLoad, K: 0}, // the number of the system call
		{Code: bpfEqual, K: unix.SYS_RECVMSG, Jf: 1},
	})
	require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
	n, err := c.ReadBatch(make([]wire.Datagram, 8))
	require.NoError(t, err)
	require.Zero(t, n)
	s := c.Stats()
	if mode == "EMSGSIZE" {
		require.Equal(t, losses(map[Loss]uint64{LossTruncated: maxReports}), s.ReadLoss)
		require.Zero(t, s.Reported.Total())
		return
	}
	require.Zero(t, s.ReadLoss.Total())
	require.Equal(t, losses(map[Loss]uint64{lossOf(errnos[mode]): maxReports}), s.Reported)
}

// If the socket takes no more datagrams, those left of a batch are counted, and no other.
func TestPortableStalls(t *testing.T) {
	_, filtered := inFilteredProcess(t, "EAGAIN")
	if !filtered {
		return
	}
	c := listen(t, loopback4, Config{Portable: true})
	refuse(t, syscall.EAGAIN, []unix.SockFilter{
		{Code: bpfLoad, K: 0}, // the number of the system call
		{Code: bpfEqual, K: unix.SYS_SENDTO, Jf: 3},
		{Code: bpfLoad, K: 32}, // the length
		{Code: bpfEqual, K: 77, Jf: 1},
	})
	long := make([]byte, 77)
	src := []wire.Datagram{to(c.LocalAddr(), "a"), to(c.LocalAddr(), "b"), to(c.LocalAddr(), string(long)), to(c.LocalAddr(), "c")}
	n, err := c.WriteBatch(src)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, losses(map[Loss]uint64{LossStalled: 2}), c.Stats().WriteLoss)
	require.Len(t, receive(t, c, 2), 2)
}

// A socket that is bound to one address ignores the source address of a datagram.
func TestPortableIgnoresTheSource(t *testing.T) {
	c := listen(t, loopback4, Config{Portable: true})
	d := to(c.LocalAddr(), "x")
	d.Local = netip.MustParseAddr("192.0.2.1")
	require.Equal(t, 1, send(t, c, d))
	receive(t, c, 1)
	require.Zero(t, c.Stats().Reported.Total())
}
