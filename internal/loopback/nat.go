package loopback

import (
	"net"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// NAT forwards datagrams between one dialer and a listener, as a router with
// network address translation does. Its methods may be called from any goroutine.
type NAT struct {
	inside    *net.UDPConn
	target    netip.AddrPort
	outside   atomic.Pointer[net.UDPConn]
	client    atomic.Pointer[netip.AddrPort]
	blocked   atomic.Bool
	forwarded atomic.Uint64
}

// NewNAT starts a NAT in front of the listener at target. It ends with the test.
func NewNAT(t testing.TB, target netip.AddrPort) *NAT {
	t.Helper()
	n := &NAT{inside: open(t), target: target}
	n.Rebind(t)
	go n.inward()
	return n
}

func open(t testing.TB) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Addr returns the address to dial.
func (n *NAT) Addr() netip.AddrPort { return n.inside.LocalAddr().(*net.UDPAddr).AddrPort() }

// Rebind makes the dialer appear at another port from now on. It returns the
// socket of the port before, nil at first, which still forwards to the dialer
// until it is closed.
func (n *NAT) Rebind(t testing.TB) (old *net.UDPConn) {
	t.Helper()
	c := open(t)
	old = n.outside.Swap(c)
	go n.outward(c)
	return old
}

// Block drops all datagrams in both directions from now on, or forwards them
// again.
func (n *NAT) Block(blocked bool) { n.blocked.Store(blocked) }

// Forwarded returns the number of datagrams forwarded from the dialer to the
// listener.
func (n *NAT) Forwarded() uint64 { return n.forwarded.Load() }

func (n *NAT) inward() {
	b := make([]byte, 1<<16)
	for {
		size, from, err := n.inside.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		n.client.Store(&from)
		if !n.blocked.Load() {
			n.forwarded.Add(1)
			_, _ = n.outside.Load().WriteToUDPAddrPort(b[:size], n.target)
		}
	}
}

func (n *NAT) outward(c *net.UDPConn) {
	b := make([]byte, 1<<16)
	for {
		size, _, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		if to := n.client.Load(); to != nil && !n.blocked.Load() {
			_, _ = n.inside.WriteToUDPAddrPort(b[:size], *to)
		}
	}
}
