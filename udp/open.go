package udp

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"syscall"
)

// open binds a socket and sets its options. granted is for Conn.Granted.
func open(addr netip.AddrPort, cfg Config) (pc *net.UDPConn, granted [2]int, err error) {
	lc := net.ListenConfig{
		Control: func(network, _ string, raw syscall.RawConn) error {
			return setOptions(raw, network == "udp6", cfg)
		},
	}
	network, hostport := "udp", addr.String()
	switch {
	case !addr.Addr().IsValid():
		hostport = ":" + strconv.Itoa(int(addr.Port()))
	case addr.Addr().Is4():
		// Package net would make 0.0.0.0 a dual-stack socket otherwise.
		network = "udp4"
	}
	conn, err := lc.ListenPacket(context.Background(), network, hostport)
	if err != nil {
		return nil, granted, err
	}
	pc = conn.(*net.UDPConn)
	if granted, err = setBuffers(pc, cfg); err != nil {
		pc.Close()
		return nil, granted, &net.OpError{Op: "listen", Net: network, Addr: pc.LocalAddr(), Err: err}
	}
	return pc, granted, nil
}
