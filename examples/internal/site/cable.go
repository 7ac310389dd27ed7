package site

import (
	"net"
	"net/netip"
	"sync/atomic"
)

// cable forwards datagrams between one client and the hub, unless it is cut.
type cable struct {
	cut    atomic.Bool
	near   *net.UDPConn // the client dials it
	far    *net.UDPConn // connected to the hub
	client atomic.Pointer[netip.AddrPort]
}

func newCable(hub netip.AddrPort) (*cable, error) {
	near, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		return nil, err
	}
	far, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(hub))
	if err != nil {
		near.Close()
		return nil, err
	}
	c := &cable{near: near, far: far}
	go c.forward()
	go c.back()
	return c, nil
}

func (c *cable) addr() netip.AddrPort { return c.near.LocalAddr().(*net.UDPAddr).AddrPort() }

func (c *cable) forward() {
	b := make([]byte, 1<<16)
	for {
		n, from, err := c.near.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		if c.client.Store(&from); !c.cut.Load() {
			_, _ = c.far.Write(b[:n])
		}
	}
}

func (c *cable) back() {
	b := make([]byte, 1<<16)
	for {
		n, err := c.far.Read(b)
		if err != nil {
			return
		}
		if to := c.client.Load(); to != nil && !c.cut.Load() {
			_, _ = c.near.WriteToUDPAddrPort(b[:n], *to)
		}
	}
}

func (c *cable) close() {
	c.near.Close()
	c.far.Close()
}
