package udp

import (
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Features that the configuration or the kind of socket excludes are off, and the others
// are on as far as the kernel has them.
func TestProbe(t *testing.T) {
	try := func(wildcard bool, cfg Config) features {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		require.NoError(t, err)
		defer c.Close()
		raw, err := c.SyscallConn()
		require.NoError(t, err)
		f, err := probe(raw, unix.AF_INET, wildcard, cfg)
		require.NoError(t, err)
		return f
	}
	all := try(true, Config{MaxQueueDelay: 1})
	require.True(t, all.stamps)
	require.True(t, all.pktinfo)
	require.True(t, try(true, Config{MaxQueueDelay: time.Hour}).stamps)
	require.False(t, try(true, Config{}).stamps)
	require.False(t, try(false, Config{}).pktinfo)
	off := try(true, Config{DisableGRO: true, DisableGSO: true})
	require.False(t, off.gro || off.gso)
	on := try(true, Config{})
	require.Equal(t, kernelHas(t, unix.UDP_GRO), on.gro)
	require.Equal(t, kernelHas(t, unix.UDP_SEGMENT), on.gso)
	require.Zero(t, all.recvmmsg)
	require.Zero(t, all.sendmmsg)
}

// kernelHas reports whether the kernel knows an option of UDP sockets.
func kernelHas(t *testing.T, option int) bool {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	_, err = unix.GetsockoptInt(fd, unix.SOL_UDP, option)
	return err == nil
}

// These errors mean that a system call is missing or forbidden. All others are about the
// call's arguments or the network.
func TestRefused(t *testing.T) {
	for errno := range syscall.Errno(200) {
		want := errno == syscall.ENOSYS || errno == syscall.EPERM || errno == syscall.EACCES
		require.Equal(t, want, refused(errno), errno)
	}
}
