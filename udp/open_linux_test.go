package udp

import (
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// inEmptyNetwork runs f in a new network namespace, in which even the loopback interface
// is down and has no address.
func inEmptyNetwork(t *testing.T, f func()) {
	done := make(chan error)
	go func() {
		// The goroutine never unlocks its thread, so the thread ends with it.
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Skipf("needs root, for a network namespace: %v", err)
	}
}

// The wildcard address accepts both families if the kernel supports IPv6, regardless of
// the state of the loopback interface.
func TestWildcardWithoutLoopback(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		log := logTo(&cfg)
		for _, addr := range []netip.AddrPort{{}, dualStack} {
			var c *Conn
			var err error
			inEmptyNetwork(t, func() { c, err = Listen(addr, cfg) })
			require.NoError(t, err)
			defer c.Close()
			require.Equal(t, netip.IPv6Unspecified(), c.LocalAddr().Addr())
			require.Empty(t, log.String())
			withFD(t, c, func(fd int) error {
				only, err := unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
				require.Zero(t, only)
				return err
			})
		}
	})
}

// If the kernel does not support IPv6, the wildcard address is that of IPv4: LocalAddr
// returns it, and a warning is logged.
func TestWildcardWithoutIPv6(t *testing.T) {
	if _, filtered := inFilteredProcess(t, "no IPv6"); !filtered {
		return
	}
	refuse(t, syscall.EAFNOSUPPORT, []unix.SockFilter{
		{Code: bpfLoad, K: 0}, // the number of the system call
		{Code: bpfEqual, K: unix.SYS_SOCKET, Jf: 3},
		{Code: bpfLoad, K: 16}, // its first argument, the family
		{Code: bpfEqual, K: unix.AF_INET6, Jf: 1},
	})
	for _, addr := range []netip.AddrPort{{}, dualStack} {
		var cfg Config
		log := logTo(&cfg)
		c := listen(t, addr, cfg)
		require.Equal(t, netip.IPv4Unspecified(), c.LocalAddr().Addr())
		require.Contains(t, log.String(), "does not support IPv6")
		send(t, c, to(at(c, loopback4.Addr()), "x"))
		receive(t, c, 1)
	}
}

// The service options are set on the socket, and DSCP is set in the datagrams sent.
func TestServiceOptions(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		cfg.DSCP, cfg.Priority, cfg.Device, cfg.BusyPoll = 46, 5, "lo", 50*time.Microsecond
		for _, network := range []struct {
			name         string
			addr         netip.AddrPort
			level, ask   int // the option that reports the DSCP field of received datagrams
			level2, tell int // the control message that reports it
		}{
			{"udp4", loopback4, unix.IPPROTO_IP, unix.IP_RECVTOS, unix.IPPROTO_IP, unix.IP_TOS},
			{"udp6", loopback6, unix.IPPROTO_IPV6, unix.IPV6_RECVTCLASS, unix.IPPROTO_IPV6, unix.IPV6_TCLASS},
		} {
			server, err := net.ListenUDP(network.name, net.UDPAddrFromAddrPort(network.addr))
			require.NoError(t, err)
			defer server.Close()
			raw, err := server.SyscallConn()
			require.NoError(t, err)
			require.NoError(t, raw.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), network.level, network.ask, 1)
			}))
			require.NoError(t, err)

			c, err := Listen(dualStack, cfg)
			if err != nil {
				require.ErrorIs(t, err, syscall.EPERM, "busy polling needs CAP_NET_ADMIN")
				t.Skip(err)
			}
			defer c.Close()
			send(t, c, to(server.LocalAddr().(*net.UDPAddr).AddrPort(), "x"))
			oob := make([]byte, 64)
			_, n, _, _, err := server.ReadMsgUDPAddrPort(make([]byte, 8), oob)
			require.NoError(t, err)
			messages, err := unix.ParseSocketControlMessage(oob[:n])
			require.NoError(t, err)
			require.Len(t, messages, 1)
			require.EqualValues(t, network.level2, messages[0].Header.Level)
			require.EqualValues(t, network.tell, messages[0].Header.Type)
			require.EqualValues(t, 46<<2, messages[0].Data[0])

			withFD(t, c, func(fd int) error {
				for option, want := range map[int]int{unix.SO_PRIORITY: 5, unix.SO_BUSY_POLL: 50} {
					got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, option)
					require.NoError(t, err)
					require.Equal(t, want, got)
				}
				device, err := unix.GetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE)
				require.Equal(t, "lo", device)
				return err
			})
		}
	})
}

// Listen fails if an option cannot be set, and the error names the option.
func TestServiceOptionsRefused(t *testing.T) {
	for name, cfg := range map[string]Config{
		`device "nowhere"`:  {Device: "nowhere"},
		"DSCP is 64":        {DSCP: 64},
		"DSCP is -1":        {DSCP: -1},
		"Priority is -1":    {Priority: -1},
		"BusyPoll is -1s":   {BusyPoll: -time.Second},
		"PacketConn is a *": {PacketConn: new(net.UnixConn)},
	} {
		_, err := Listen(loopback4, cfg)
		require.ErrorContains(t, err, name)
	}
}

// Config.PacketConn is used with its own address. It may have been opened by another
// process, such as systemd.
func TestPacketConn(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		pc, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(loopback4))
		require.NoError(t, err)
		want := pc.LocalAddr().(*net.UDPAddr).AddrPort()
		cfg.PacketConn, cfg.DSCP = pc, 10
		c := listen(t, netip.AddrPort{}, cfg)
		require.Equal(t, want, c.LocalAddr())
		other := listen(t, loopback4, Config{})
		send(t, other, to(c.LocalAddr(), "x"))
		require.Equal(t, other.LocalAddr(), receive(t, c, 1)[0].Addr)
		withFD(t, c, func(fd int) error {
			tos, err := unix.GetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS)
			require.Equal(t, 10<<2, tos)
			return err
		})
		require.NoError(t, c.Close())
		_, err = pc.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(want))
		require.ErrorIs(t, err, net.ErrClosed)
	})
}
