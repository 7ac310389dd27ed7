package conn_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// flood makes packets arrive at n from now on, perSecond of them in a second.
// packet returns the i-th and its source.
func (n *node) flood(perSecond int, packet func(i int) ([]byte, netip.AddrPort)) {
	i := 0
	var tick func()
	tick = func() {
		for range perSecond / 1000 {
			data, from := packet(i)
			i++
			n.Do(func(e *conn.Endpoint, now pipeline.Time) {
				e.HandleDatagram(wire.Datagram{Data: data, Addr: from}, now)
				e.Outgoing()
			})
		}
		n.w.After(time.Millisecond, tick)
	}
	tick()
}

// initWithLowOrderKey returns a first message that fails at the node's worker.
func (f *initiator) initWithLowOrderKey(from netip.AddrPort) (init []byte) {
	f.with.do(func(e *conn.Endpoint, now pipeline.Time) {
		init = f.InitWithLowOrderKey(f.with.w.t, e, from, now)
	})
	return init
}

// One address sends 200,000 first messages a second without a cookie, another
// 10,000 with a valid one. Of 30 newcomers all but one connect at their first
// try, rarely all but two, since an address may be taken for another one; and an
// established peer notices nothing.
func TestFloodsDoNotKeepNewcomersOut(t *testing.T) {
	late := 0
	seeds(t, 3, func(t *testing.T, seed uint64) {
		w := newWorld(t, seed)
		a, b := w.pair()
		f := &initiator{with: b}
		bare, proven := addrOf(1, 1), addrOf(2, 2)
		first := f.Init()
		second := f.initWithLowOrderKey(proven)
		b.flood(200_000, func(i int) ([]byte, netip.AddrPort) {
			return first, netip.AddrPortFrom(bare.Addr(), uint16(i))
		})
		b.flood(10_000, func(int) ([]byte, netip.AddrPort) { return second, proven })
		w.run(time.Second)
		failed := b.Handshakes(conn.HandshakeFailed)
		require.InDelta(t, 200+25, failed, 5, "one address alone gets the whole rate")

		for i := range 30 {
			n := w.node()
			n.dial(b)
			if took := w.await(5*time.Second, func() bool { return bothUp(n, b) }); took > 80*time.Millisecond {
				late++
			}
			before := len(b.got)
			a.push(b, 1, pipeline.Realtime, number(i, 10))
			w.run(20 * time.Millisecond)
			require.Len(t, b.got, before+1)
		}
		require.NotZero(t, b.drops("cookie/reply_share"))
		require.Zero(t, b.drops("cookie/reply_budget"))
		require.Zero(t, b.Handshakes(conn.HandshakeRate))
		require.Zero(t, b.Handshakes(conn.HandshakeEvicted))
	})
	require.LessOrEqual(t, late, 4, "late newcomers of 90: one in 30, and rarely another")
}

// attack has an adversary at the address begin that many handshakes a second with n,
// and finish none.
func (n *node) attack(at netip.Addr, perSecond int) {
	f := &initiator{with: n}
	every := time.Second / time.Duration(perSecond)
	var tick func()
	tick = func() {
		f.begin(netip.AddrPortFrom(at, uint16(20_000+f.Count%40_000)))
		n.w.After(every*4/5+time.Duration(n.w.Rand().Int64N(int64(every*2/5))), tick)
	}
	tick()
}

// An attacker at a dialer's address begins handshakes as fast as they are admitted, and
// five times as fast. A dialer there is late by the time of a token, or by about the time
// after which those leave that do not go on asking.
func TestAnAttackerAtTheSameAddress(t *testing.T) {
	for _, perSecond := range []int{200, 1000} {
		for _, roundTrip := range []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, 400 * time.Millisecond} {
			t.Run(fmt.Sprintf("%d per second, round trip %v", perSecond, roundTrip), func(t *testing.T) {
				late := time.Duration(0)
				seeds(t, 4, func(t *testing.T, seed uint64) {
					w := newWorld(t, seed)
					w.setLink(sim.Link{Delay: roundTrip / 2})
					a, b := w.node(), w.node()
					b.attack(a.Addr().Addr(), perSecond)
					w.run(2200 * time.Millisecond)
					a.dial(b)
					took := w.await(5*time.Second, func() bool { return bothUp(a, b) })
					late = max(late, took-3*roundTrip)
					require.Zero(t, b.Handshakes(conn.HandshakeEvicted))
				})
				t.Logf("late by at most %v", late)
				bound := 100 * time.Millisecond
				if perSecond > 200 {
					bound = conn.WaitLife + 2*conn.WaitRetry // it may find the line full
				}
				require.LessOrEqual(t, late, bound)
			})
		}
	}
}

// An attacker holds all slots that an address may have, and takes each that becomes
// free. A dialer there gets one once the attacker's have outlived their patience, and
// keeps it although its round trip is long.
func TestAnAddressAtItsLimitIsNotKeptOut(t *testing.T) {
	seeds(t, 10, func(t *testing.T, seed uint64) {
		w := newWorld(t, seed)
		w.setLink(sim.Link{Delay: 500 * time.Millisecond})
		a, b := w.node(), w.node(fivePerAddress)
		b.attack(a.Addr().Addr(), 50)
		w.run(time.Second)
		a.dial(b)
		took := w.await(15*time.Second, func() bool { return bothUp(a, b) })
		require.LessOrEqual(t, took, 3*time.Second+conn.MostPatience+conn.WaitLife)
		require.LessOrEqual(t, b.Endpoint().HandshakesOf(a.Addr().Addr()), 5)
		require.NotZero(t, b.Handshakes(conn.HandshakeEvicted))
		require.Equal(t, 1, a.count(conn.PeerUp))
	})
}

// 250 dials from one address, at the defaults, succeed within 5 s, even while
// another address floods.
func TestManyDialsFromOneAddress(t *testing.T) {
	for _, flooded := range []bool{false, true} {
		w := newWorld(t, 1)
		b := w.node()
		f := &initiator{with: b}
		if flooded {
			proven := addrOf(2, 2)
			data := f.initWithLowOrderKey(proven)
			b.flood(2000, func(int) ([]byte, netip.AddrPort) { return data, proven })
		}
		var crowd []*node
		for i := range 250 {
			n := w.nodeAt(netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(1000+i)), w.newIdentity())
			n.dial(b)
			crowd = append(crowd, n)
		}
		took := w.await(5*time.Second, func() bool {
			for _, n := range crowd {
				if !n.up(b) {
					return false
				}
			}
			return true
		})
		t.Logf("flooded: %v, all connected after %v", flooded, took)
	}
}
