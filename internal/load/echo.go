package load

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/intentra/intentra"
)

// Echo is the service of a child that sends every message back: as the peers of
// a crowd, and from a plain UDP socket.
type Echo struct {
	ctx context.Context
	Members
	plain []*net.UDPConn
}

// Connect connects a crowd whose Handlers send each message back.
func (e *Echo) Connect(c Crowd, _ *struct{}) (err error) {
	e.Members, err = c.Connect(e.ctx, func() Handler {
		return func(m intentra.Received) { m.Peer.Send(m.Message) }
	})
	return err
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

// Close closes all sockets.
func (e *Echo) Close() error {
	for _, c := range e.plain {
		_ = c.Close()
	}
	return e.Members.Close()
}

// loopback is a free port of the loopback interface, which no load
// leaves.
var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// echo returns when c is closed.
func echo(c *net.UDPConn) {
	b := make([]byte, 64<<10)
	for {
		n, from, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		_, _ = c.WriteToUDPAddrPort(b[:n], from) // a failure counts as loss
	}
}
