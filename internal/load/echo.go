package load

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/intentra/intentra"
)

// Echo is the service of a child that sends back what it gets: as a crowd of
// peers, and from a plain UDP socket.
type Echo struct {
	ctx context.Context
	join
	plain []*net.UDPConn
}

// Connect connects a crowd whose Handlers send each message back.
func (e *Echo) Connect(c Crowd, _ *struct{}) error {
	return e.connect(e.ctx, c, func() handler {
		return func(p *intentra.Peer, m intentra.Message) { p.Send(m) }
	})
}

// Plain opens a UDP socket on the loopback interface that sends each datagram
// back, and returns its address.
func (e *Echo) Plain(_ struct{}, addr *netip.AddrPort) error {
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(loopback))
	if err != nil {
		return fmt.Errorf("plain UDP: %w", err)
	}
	e.plain = append(e.plain, c)
	go echo(c)
	*addr = c.LocalAddr().(*net.UDPAddr).AddrPort()
	return nil
}

// Close ends all connections.
func (e *Echo) Close() error {
	for _, c := range e.plain {
		_ = c.Close()
	}
	return e.join.Close()
}

// loopback is a free port of the interface that no load ever leaves.
var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// echo ends when c is closed.
func echo(c *net.UDPConn) {
	b := make([]byte, 64<<10)
	for {
		n, from, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		_, _ = c.WriteToUDPAddrPort(b[:n], from) // lost, if it cannot be sent
	}
}
