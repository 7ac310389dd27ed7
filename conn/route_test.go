package conn_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// withAddrs gives the node further addresses.
func (n *node) withAddrs(all ...string) *node {
	for _, a := range all {
		require.NoError(n.w.t, n.AddAddr(netip.MustParseAddr(a)))
	}
	return n
}

// A listener with several addresses sends everything from the one that was dialled:
// cookies, handshake answers, control packets, acknowledgements and messages.
func TestListenerAnswersFromTheAddressDialled(t *testing.T) {
	for i := range 4 {
		w := newWorld(t, uint64(i))
		b := w.node().withAddrs("192.0.2.2", "2001:db8::2", "192.0.2.3")
		at := b.Addrs()[i]
		a := w.node(func(c *conn.Config) { c.RekeyAfter = 2 * time.Second })
		a.SetAddress(b.Key(), at)
		kinds := w.kinds()
		w.tap = func(from, to netip.AddrPort, _ []byte) bool {
			if to == a.Addr() {
				require.Equal(t, at, from)
			}
			return true
		}
		a.dial(b)
		w.await(time.Second, func() bool { return bothUp(a, b) })
		for k := range 100 {
			a.push(b, 1, pipeline.Reliable, number(k, 4))
			b.push(a, 1, pipeline.Latest, number(k, 4))
			w.run(50 * time.Millisecond)
		}
		require.Equal(t, at.Addr(), b.peer(a).Local())
		require.Equal(t, netip.Addr{}, a.peer(b).Local(), "bound to one address")
		require.Positive(t, kinds[wire.TypeCookie])
		require.Positive(t, b.PeerStats(a.Key()).Rekeys)
		require.Zero(t, b.Stats().Roams+a.Stats().Roams)
		a.closePeer(b, wire.CloseNormal)
		w.closeAll()
	}
}

// A peer that moves is challenged from the address that it has dialled, and its
// challenge is answered from there.
func TestRoamingPeerOfAListenerWithSeveralAddresses(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.node(), w.node().withAddrs("192.0.2.2")
	a.SetAddress(b.Key(), b.Addrs()[1])
	a.dial(b)
	w.await(time.Second, func() bool { return bothUp(a, b) })
	a.rebind(otherAddr(203, 1))
	w.tap = func(from, to netip.AddrPort, _ []byte) bool {
		if to == a.Addr() {
			require.Equal(t, b.Addrs()[1], from)
		}
		return true
	}
	w.await(3*time.Second, func() bool { return b.peer(a).Addr() == a.Addr() })
	require.EqualValues(t, 1, b.Stats().Roams)
	require.Zero(t, a.Stats().Roams)
}

// A dialer that loses its address goes on from another one, in the same session. Both
// sides count a move: the paths of both have changed.
func TestDialerLosesItsAddress(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.node().withAddrs("192.0.2.2"), w.node()
	first := a.Addr()
	a.dial(b)
	w.await(time.Second, func() bool { return bothUp(a, b) })
	w.run(2 * time.Second)
	require.Equal(t, first.Addr(), a.peer(b).Local())
	require.NoError(t, a.RemoveAddr(first.Addr()))
	w.await(3*time.Second, func() bool { return b.peer(a).Addr() == a.Addr() && a.peer(b).Local() == a.Addr().Addr() })
	require.EqualValues(t, 1, a.Stats().Roams)
	require.EqualValues(t, 1, b.Stats().Roams)
	require.EqualValues(t, 1, a.peer(b).Session())
	require.Zero(t, a.count(conn.PeerDown))
	w.closeAll()
}

// A dialer keeps its address while it is answered, also if the system would choose
// another one. If nothing is answered any more, it lets the system choose before it
// dials again.
func TestDialerKeepsItsAddressWhileItWorks(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.node().withAddrs("192.0.2.2"), w.node()
	first := a.Addr()
	a.dial(b)
	w.await(time.Second, func() bool { return bothUp(a, b) })
	w.run(time.Second)
	// Now the other address is preferred.
	require.NoError(t, a.RemoveAddr(first.Addr()))
	require.NoError(t, a.AddAddr(first.Addr()))
	w.run(10 * time.Second)
	require.Equal(t, first, b.peer(a).Addr())
	w.tap = func(from, to netip.AddrPort, _ []byte) bool { return from != first && to != first }
	w.await(2500*time.Millisecond, func() bool { return b.peer(a).Addr() == a.Addr() })
	w.run(5 * time.Second)
	require.Equal(t, a.Addr().Addr(), a.peer(b).Local())
	require.EqualValues(t, 1, a.peer(b).Session())
	require.Zero(t, a.count(conn.NeedAddress)-1, "the dialer need not dial again")
}

// A listener whose virtual address has moved to another machine goes on from an address
// that it still has, and the dialer follows.
func TestListenerLosesTheAddressDialled(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.node(), w.node().withAddrs("192.0.2.2")
	a.SetAddress(b.Key(), b.Addrs()[1])
	a.dial(b)
	w.await(time.Second, func() bool { return bothUp(a, b) })
	require.NoError(t, b.RemoveAddr(netip.MustParseAddr("192.0.2.2")))
	for k := range 50 {
		b.push(a, 1, pipeline.Latest, number(k, 4))
		w.run(20 * time.Millisecond)
	}
	require.Equal(t, b.Addr(), a.peer(b).Addr())
	require.Equal(t, b.Addr().Addr(), b.peer(a).Local())
	require.EqualValues(t, 1, a.Stats().Roams)
	require.EqualValues(t, 1, b.Stats().Roams)
	require.Zero(t, a.count(conn.PeerDown))
}

// With ForbidRoaming a change of the local address is ignored too.
func TestForbidRoamingKeepsTheLocalAddress(t *testing.T) {
	w := newWorld(t, 1)
	a := w.node()
	b := w.node(func(c *conn.Config) { c.ForbidRoaming = true }).withAddrs("192.0.2.2")
	a.dial(b)
	w.await(time.Second, func() bool { return bothUp(a, b) })
	first := b.Addr()
	w.tap = func(from, to netip.AddrPort, data []byte) bool {
		if to != first {
			return true
		}
		w.Inject(from, b.Addrs()[1], data, 5*time.Millisecond)
		return false
	}
	w.run(10 * time.Second)
	require.Equal(t, first.Addr(), b.peer(a).Local())
	require.False(t, b.session(a).HasPath())
	require.Zero(t, b.Stats().Roams)
	require.EqualValues(t, 1, a.peer(b).Session())
}

// An observer sends a copy of each packet to another address of the host that receives
// it, where it arrives before the original. The handshake succeeds at once, nothing is
// lost, and both sides agree on the path. It may use the other addresses: both sides have
// proved them.
func TestCopiesToOtherAddressesOfTheHost(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.node().withAddrs("192.0.2.11"), w.node().withAddrs("192.0.2.2")
	at, from := b.Addrs()[1], a.Addr()
	a.SetAddress(b.Key(), at)
	w.tap = func(src, to netip.AddrPort, data []byte) bool {
		switch to {
		case at:
			w.Inject(src, b.Addr(), data, 0)
		case from:
			w.Inject(src, a.Addrs()[1], data, 0)
		}
		return true
	}
	a.dial(b)
	w.await(2*time.Second, func() bool { return bothUp(a, b) })
	for k := range 300 {
		a.push(b, 1, pipeline.Reliable, number(k, 4))
		b.push(a, 1, pipeline.Reliable, number(k, 4))
		w.run(10 * time.Millisecond)
	}
	require.Len(t, a.got, 300)
	require.Len(t, b.got, 300)
	w.tap = nil
	w.run(5 * time.Second)
	require.EqualValues(t, 1, a.peer(b).Session())
	require.Equal(t, a.peer(b).Addr().Addr(), b.peer(a).Local())
	require.Equal(t, b.peer(a).Addr().Addr(), a.peer(b).Local())
}

// A datagram at a local address, and its answer, allocate nothing.
func TestLocalAddressesDoNotAllocate(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair()
	w.run(time.Second)
	local := netip.MustParseAddr("192.0.2.2")
	frames := wire.AppendPing(nil)
	now, s, sent := w.Now(), a.session(b), 0
	allocs := testing.AllocsPerRun(200, func() {
		now += pipeline.Time(time.Millisecond)
		s.SendFrames(frames, now)
		for _, d := range a.Endpoint().Outgoing() {
			b.Endpoint().HandleDatagram(wire.Datagram{Data: d.Data, Addr: a.Addr(), Local: local}, now)
		}
		now += pipeline.Time(time.Second)
		b.Endpoint().HandleTimeout(now)
		b.Endpoint().Flush(now)
		sent += len(b.Endpoint().Outgoing())
	})
	require.Zero(t, allocs)
	require.Equal(t, 201, sent)
	require.Equal(t, local, b.peer(a).Local())
}
