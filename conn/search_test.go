package conn_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// inits notes when a node has first sent an Init to an address.
type inits struct {
	order []netip.AddrPort
	at    map[netip.AddrPort]time.Duration
}

// watchInits drops everything for the addresses that dead reports.
func (w *world) watchInits(dead func(netip.AddrPort) bool) *inits {
	i := &inits{at: map[netip.AddrPort]time.Duration{}}
	w.tap = func(_, to netip.AddrPort, data []byte) bool {
		if _, known := i.at[to]; wire.PacketType(data[0]&15) == wire.TypeInit && !known {
			i.at[to] = w.Elapsed()
			i.order = append(i.order, to)
		}
		return !dead(to)
	}
	return i
}

// The addresses of a peer are tried 250 ms apart, the families alternating, and the
// first that answers is used: nothing waits for the timeout of a dead one.
func TestAddressesAreTriedStaggered(t *testing.T) {
	w := newWorld(t, 1)
	a := w.node()
	b := w.node().withAddrs("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2")
	all := b.Addrs()
	in := w.watchInits(func(to netip.AddrPort) bool { return to != a.Addr() && to != all[2] })
	begin := w.Elapsed()
	a.dial(b)
	w.await(2*time.Second, func() bool { return bothUp(a, b) })
	require.Equal(t, []netip.AddrPort{all[0], all[3], all[1], all[4], all[2]}, in.order)
	for i, to := range in.order {
		require.Equal(t, time.Duration(i)*250*time.Millisecond, in.at[to]-begin)
	}
	require.Equal(t, all[2], a.peer(b).Addr())
	require.Equal(t, 1, a.Stats().Sessions)
	require.Equal(t, 1, b.Stats().Sessions)
	w.run(20 * time.Second)
	require.Zero(t, a.count(conn.PeerDown))
	w.checkAll()
	w.closeAll()
}

// An address that has sent a cookie is reachable: the next one waits a second. No more
// than one session results, however long the round trip is.
func TestReachableAddressGetsTime(t *testing.T) {
	for _, delay := range []time.Duration{10, 60, 120, 200, 300, 450} {
		w := newWorld(t, 1)
		l := w.link
		l.Delay = delay * time.Millisecond
		w.setLink(l)
		a, b := w.node(), w.node().withAddrs("192.0.2.1", "2001:db8::1")
		in := w.watchInits(func(netip.AddrPort) bool { return false })
		a.dial(b)
		w.await(5*time.Second, func() bool { return bothUp(a, b) })
		w.run(10 * time.Second)
		require.EqualValues(t, 1, b.Handshakes(conn.HandshakeAccepted), delay)
		require.Zero(t, a.count(conn.PeerDown)+b.count(conn.PeerDown))
		if delay < 120 {
			require.Equal(t, b.Addrs()[:1], in.order)
		}
		w.checkAll()
		w.closeAll()
	}
}

// If an address answers but never confirms, as a machine that refuses the key, the other
// addresses are tried after it.
func TestAddressThatNeverConfirms(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.node(), w.node().withAddrs("192.0.2.1")
	first := b.Addr()
	w.tap = func(_, to netip.AddrPort, data []byte) bool {
		return to != first || wire.PacketType(data[0]&15) != wire.TypeFinal
	}
	a.dial(b)
	w.await(6*time.Second, func() bool { return bothUp(a, b) })
	require.Equal(t, b.Addrs()[1], a.peer(b).Addr())
	w.checkAll()
	w.closeAll()
}

// After an address of another peer the next one is tried at once.
func TestAddressOfAnotherPeer(t *testing.T) {
	w := newWorld(t, 1)
	a, b, other := w.node(), w.node(), w.node()
	a.SetAddress(b.Key(), netip.AddrPort{})
	a.LookupDelay = time.Hour
	a.dial(b)
	a.do(func(e *conn.Endpoint, now pipeline.Time) {
		e.AddAddresses(a.peer(b), []netip.AddrPort{other.Addr(), b.Addr()}, false, now)
	})
	w.await(150*time.Millisecond, func() bool { return bothUp(a, b) })
	w.closeAll()
}

// When all addresses have failed, the dial ends with what was observed at each, after
// the timeout of the last one.
func TestAllAddressesFail(t *testing.T) {
	w := newWorld(t, 1)
	a, b, other := w.node(), w.node(), w.node()
	a.LookupDelay = time.Hour
	a.dial(b)
	dead := otherAddr(203, 9)
	a.do(func(e *conn.Endpoint, now pipeline.Time) {
		e.AddAddresses(a.peer(b), []netip.AddrPort{dead, other.Addr()}, true, now)
	})
	w.run(10 * time.Second)
	require.Zero(t, a.count(conn.DialEnded), "the driver may find further addresses")
	a.do(func(e *conn.Endpoint, now pipeline.Time) {
		e.DialFailed(a.peer(b), errors.New("no such host"), now)
	})
	err := a.last(conn.DialEnded).Err
	require.ErrorIs(t, err, conn.ErrNoAnswer)
	require.ErrorIs(t, err, conn.ErrWrongKey)
	require.ErrorContains(t, err, dead.String()+": ")
	require.ErrorContains(t, err, "; no such host")
	w.closeAll()
}

// A round tries at most 16 addresses.
func TestAddressesAtTheCap(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.node(), w.node()
	a.LookupDelay = time.Hour
	in := w.watchInits(func(to netip.AddrPort) bool { return true })
	a.dial(b)
	var many []netip.AddrPort
	for i := range 100 {
		many = append(many, addrOf(i, 9))
	}
	for range 3 {
		a.do(func(e *conn.Endpoint, now pipeline.Time) { e.AddAddresses(a.peer(b), many, true, now) })
	}
	w.run(20 * time.Second)
	require.Equal(t, many[:16], in.order)
	w.checkAll()
	a.closePeer(b, wire.CloseNormal)
	w.closeAll()
}

// A peer that has lost its session is dialled at the last address that worked although
// the names do not resolve any more, or the lookups hang.
func TestOutageOfNames(t *testing.T) {
	for _, hanging := range []bool{false, true} {
		w := newWorld(t, 1)
		a, b := w.pair()
		w.run(time.Second)
		a.SetAddress(b.Key(), netip.AddrPort{})
		if hanging {
			a.LookupDelay = time.Hour
		}
		b.Kill()
		w.run(time.Minute)
		require.False(t, a.up(b))
		b.restart()
		took := w.await(time.Second, func() bool { return bothUp(a, b) })
		require.LessOrEqual(t, took, 500*time.Millisecond)
		require.Zero(t, a.count(conn.DialEnded))
		w.checkAll()
		w.closeAll()
	}
}

// A lookup does not delay an attempt to the last address that worked.
func TestLookupDelaysNoAttempt(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair()
	a.LookupDelay = 3 * time.Second
	b.restart()
	a.push(b, 1, pipeline.Realtime, "x")
	took := w.await(5*time.Second, func() bool { return sameSession(a, b) })
	require.Less(t, took, 2100*time.Millisecond, "Unanswered and a handshake")
}

// A name that changes from an IPv4 to an IPv6 address while the peer is connected leads
// to the new address.
func TestNameChangesTheFamily(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair()
	w.run(time.Second)
	b.Kill()
	b2 := w.nodeAt(netip.MustParseAddrPort("[2001:db8::7]:4000"), b.id)
	a.SetAddress(b.Key(), b2.Addr())
	took := w.await(5*time.Second, func() bool { return a.up(b2) && a.peer(b2).Addr() == b2.Addr() })
	require.Less(t, took, 3500*time.Millisecond) // silence, Unanswered, and the delay of the second address
	require.Zero(t, a.count(conn.PeerDown))
}

// With RetryDial the addresses of an earlier answer are tried again when the names do not
// resolve any more.
func TestRetryDialKeepsKnownAddresses(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.node(func(c *conn.Config) { c.RetryDial = true }), w.node()
	b.Kill()
	a.dial(b)
	w.run(time.Second)
	a.SetAddress(b.Key(), netip.AddrPort{})
	w.run(20 * time.Second)
	require.Positive(t, a.count(conn.AttemptFailed))
	b.restart()
	w.await(time.Second, func() bool { return bothUp(a, b) })
	w.closeAll()
}
