package udp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// setOptions sets the options that must be set before the socket is bound. ipv6 is
// the family of the socket. If both is true it is dual-stack.
func setOptions(raw syscall.RawConn, ipv6, both bool, cfg Config) error {
	var err error
	ctlErr := raw.Control(func(fd uintptr) {
		if err = setFlags(int(fd), ipv6, both, cfg); err == nil {
			err = setService(int(fd), ipv6, cfg)
		}
	})
	return errors.Join(ctlErr, err)
}

// setService sets the options for the treatment of datagrams by network and kernel.
func setService(fd int, ipv6 bool, cfg Config) error {
	if cfg.DSCP != 0 {
		// The two low bits of the byte are for ECN and remain zero. On an IPv6
		// socket the IPv4 option applies to mapped destinations.
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, cfg.DSCP<<2); err != nil && !ipv6 {
			return fmt.Errorf("DSCP %d: %w", cfg.DSCP, err)
		}
		if ipv6 {
			if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, cfg.DSCP<<2); err != nil {
				return fmt.Errorf("DSCP %d: %w", cfg.DSCP, err)
			}
		}
	}
	if cfg.Device != "" {
		if err := unix.BindToDevice(fd, cfg.Device); err != nil {
			return fmt.Errorf("device %q: %w", cfg.Device, err)
		}
	}
	// After IP_TOS, which also changes the priority.
	if cfg.Priority != 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, cfg.Priority); err != nil {
			return fmt.Errorf("priority %d: %w", cfg.Priority, err)
		}
	}
	if cfg.BusyPoll != 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BUSY_POLL, int(cfg.BusyPoll.Microseconds())); err != nil {
			return fmt.Errorf("busy poll %v: %w", cfg.BusyPoll, err)
		}
	}
	return nil
}

func setFlags(fd int, ipv6, both bool, cfg Config) error {
	if both {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0); err != nil {
			return os.NewSyscallError("setsockopt IPV6_V6ONLY", err)
		}
	}
	// Package net enables broadcast on every socket. It must be disabled,
	// because we answer to addresses that anyone can forge.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 0); err != nil {
		return err
	}
	if cfg.DisableDontFragment {
		return setFragmentation(fd, ipv6, unix.IP_PMTUDISC_DONT, unix.IPV6_PMTUDISC_DONT)
	}
	// Not DO, which trusts the path MTU in ICMP messages. Anyone can forge
	// these, and our datagrams would fail with EMSGSIZE.
	return setFragmentation(fd, ipv6, unix.IP_PMTUDISC_PROBE, unix.IPV6_PMTUDISC_PROBE)
}

func setFragmentation(fd int, ipv6 bool, mode4, mode6 int) error {
	err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, mode4)
	if !ipv6 {
		return err
	}
	// On an IPv6 socket the IPv4 option applies to mapped destinations. Its
	// error does not matter for an IPv6-only socket.
	return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, mode6)
}

// setBuffers requests the buffer sizes of cfg and returns those granted.
func setBuffers(pc *net.UDPConn, cfg Config) (granted [2]int, err error) {
	raw, err := pc.SyscallConn()
	if err != nil {
		return granted, err
	}
	ctlErr := raw.Control(func(fd uintptr) {
		if granted[0], err = setBuffer(int(fd), unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, cfg.ReadBuffer); err == nil {
			granted[1], err = setBuffer(int(fd), unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, cfg.WriteBuffer)
		}
	})
	if ctlErr != nil {
		return granted, ctlErr
	}
	return granted, os.NewSyscallError("setsockopt", err)
}

// setBuffer tries force, which needs CAP_NET_ADMIN, and then the option that the
// kernel silently limits to the system's maximum (net.core.rmem_max, wmem_max).
func setBuffer(fd, force, option, bytes int) (granted int, err error) {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, bytes) != nil {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, bytes); err != nil {
			return 0, err
		}
	}
	// socket(7): "The kernel doubles this value (to allow space for
	// bookkeeping overhead)".
	doubled, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, option)
	return doubled / 2, err
}
