package conn_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
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
				e.HandleDatagram(data, from, now)
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

// An attacker holds all handshakes that an address may have in flight, and
// replaces each that is evicted: with two packets each, every five seconds, or as
// fast as they are admitted. A dialer at that address connects nevertheless.
func TestAnAddressAtItsLimitIsNotKeptOut(t *testing.T) {
	t.Run("slow", func(t *testing.T) {
		seeds(t, 20, func(t *testing.T, seed uint64) {
			w := newWorld(t, seed)
			a, b := w.node(), w.node()
			f := &initiator{with: b}
			var tick func()
			tick = func() {
				for b.Endpoint().HandshakesOf(a.Addr().Addr()) < 5 {
					f.begin(netip.AddrPortFrom(a.Addr().Addr(), uint16(20_000+f.Count)))
				}
				w.After(10*time.Millisecond, tick)
			}
			tick()
			w.run(time.Second)
			a.dial(b)
			took := w.await(time.Second, func() bool { return bothUp(a, b) })
			require.Equal(t, 30*time.Millisecond, took)
			require.EqualValues(t, 1, b.Handshakes(conn.HandshakeEvicted))
		})
	})
	for _, tt := range []struct {
		roundTrip time.Duration
		least     int // of 40
	}{
		{30 * time.Millisecond, 36}, // 22 if any of the five could be evicted, whatever its age
		{80 * time.Millisecond, 28},
		{160 * time.Millisecond, 14},
	} {
		t.Run("fast, round trip "+tt.roundTrip.String(), func(t *testing.T) {
			up := 0
			for seed := range uint64(40) {
				w := newWorld(t, seed)
				w.setLink(sim.Link{Delay: tt.roundTrip / 2})
				a, b := w.node(), w.node()
				f := &initiator{with: b}
				var tick func()
				tick = func() {
					f.begin(netip.AddrPortFrom(a.Addr().Addr(), uint16(20_000+f.Count)))
					w.After(4*time.Millisecond+time.Duration(w.Rand().Int64N(int64(2*time.Millisecond))), tick)
				}
				tick()
				w.run(time.Second)
				a.dial(b)
				w.until(6*time.Second, func() bool { return bothUp(a, b) || a.count(conn.DialEnded) > 0 })
				if a.up(b) {
					up++
				}
				require.LessOrEqual(t, b.Endpoint().HandshakesOf(a.Addr().Addr()), 5)
			}
			t.Logf("%d of 40 dials succeeded", up)
			require.GreaterOrEqual(t, up, tt.least)
		})
	}
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
