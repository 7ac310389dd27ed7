package udp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"syscall"
)

// open binds a socket to addr, or uses cfg.PacketConn, and sets its options. granted
// is the result of Conn.Granted.
func open(addr netip.AddrPort, cfg Config) (pc *net.UDPConn, granted [2]int, err error) {
	if cfg.PacketConn != nil {
		pc = cfg.PacketConn.(*net.UDPConn)
		err = adopt(pc, cfg)
	} else {
		pc, err = bind(addr, cfg)
	}
	if err == nil {
		granted, err = setBuffers(pc, cfg)
	}
	if err != nil && pc != nil {
		err = &net.OpError{Op: "listen", Net: "udp", Addr: pc.LocalAddr(), Err: err}
		pc.Close()
	}
	return pc, granted, err
}

// adopt sets the options of a socket that is already bound.
func adopt(pc *net.UDPConn, cfg Config) error {
	raw, err := pc.SyscallConn()
	if err != nil {
		return err
	}
	local, ok := pc.LocalAddr().(*net.UDPAddr)
	return setOptions(raw, ok && local.IP.To4() == nil, false, cfg)
}

// bind opens a socket on addr. Without an address, or on [::], the socket is
// dual-stack if the kernel supports IPv6. Otherwise it is IPv4 only, with a warning.
func bind(addr netip.AddrPort, cfg Config) (*net.UDPConn, error) {
	if addr.Addr().IsValid() && addr.Addr() != netip.IPv6Unspecified() {
		network := "udp"
		if addr.Addr().Is4() {
			// With "udp" package net would open a dual-stack socket for 0.0.0.0.
			network = "udp4"
		}
		return listenPacket(network, addr.String(), false, cfg)
	}
	port := strconv.Itoa(int(addr.Port()))
	// With "udp" package net checks whether ::1 can be bound, and would use IPv4
	// only on a machine whose loopback interface has no IPv6.
	pc, err := listenPacket("udp6", net.JoinHostPort("::", port), true, cfg)
	if noFamily(err) {
		if pc, err = listenPacket("udp4", net.JoinHostPort("0.0.0.0", port), false, cfg); err == nil {
			cfg.Logger.Warn("udp: the system does not support IPv6; listening on IPv4 only", "addr", pc.LocalAddr().String())
		}
	}
	return pc, err
}

// noFamily reports whether err means that the system does not support the address family.
func noFamily(err error) bool {
	return errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EPROTONOSUPPORT) ||
		errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, wsaEAFNOSUPPORT)
}

// listenPacket opens a socket. If both is true an IPv6 socket is dual-stack.
func listenPacket(network, hostport string, both bool, cfg Config) (*net.UDPConn, error) {
	lc := net.ListenConfig{
		Control: func(network, _ string, raw syscall.RawConn) error {
			return setOptions(raw, network == "udp6", both, cfg)
		},
	}
	pc, err := lc.ListenPacket(context.Background(), network, hostport)
	if err != nil {
		return nil, err
	}
	return pc.(*net.UDPConn), nil
}
