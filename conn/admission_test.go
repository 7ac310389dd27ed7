package conn

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// flood has packets arrive at n from here on, as many as perSecond.
func (n *node) flood(perSecond int, packet func(i int) ([]byte, netip.AddrPort)) {
	i := 0
	var tick func()
	tick = func() {
		for range perSecond / 1000 {
			data, from := packet(i)
			i++
			n.ep.HandleDatagram(data, from, n.w.now)
			n.ep.Outgoing()
		}
		n.turn()
		n.w.after(time.Millisecond, tick)
	}
	tick()
}

// lowOrder returns a message 1 with a good cookie that the worker refuses at
// its first multiplication. So the slot is free again at once, and the same
// packet may come again: the rate alone holds it back.
func (f *flooder) lowOrder(from netip.AddrPort) []byte {
	b := wire.AppendHeader(nil, wire.Header{Type: wire.TypeInit, Suite: wire.AESGCM, Sender: 7})
	b = append(b, make([]byte, wire.InitSize-wire.HeaderSize)...)
	f.prove(from, b)
	return b
}

// One address sends 200,000 first messages a second without a cookie, another
// 10,000 with a good one. 30 newcomers connect at their first try all the same,
// but for one that is taken for another address now and then, and an
// established peer notices nothing.
func TestFloodsFromAnAddressKeepNobodyOut(t *testing.T) {
	seeds(t, 3, func(t *testing.T, seed uint64) {
		w := newNetwork(t, seed)
		a, b := w.pair()
		f := &flooder{b: b}
		bare, proven := v4(1, 1), v4(2, 2)
		first := wire.AppendHeader(nil, wire.Header{Type: wire.TypeInit, Suite: wire.AESGCM, Sender: 7})
		first = append(first, make([]byte, wire.InitSize-wire.HeaderSize)...)
		second := f.lowOrder(proven)
		b.flood(200_000, func(i int) ([]byte, netip.AddrPort) {
			return first, netip.AddrPortFrom(bare.Addr(), uint16(i))
		})
		b.flood(10_000, func(int) ([]byte, netip.AddrPort) { return second, proven })
		w.run(time.Second)
		failed := b.handshakes(HandshakeFailed)
		require.InDelta(t, 200+25, failed, 5, "alone it has the whole rate")

		late := 0
		for i := range 30 {
			n := w.node()
			n.dial(b)
			if took := w.await(5*time.Second, func() bool { return n.up(b) && b.up(n) }); took > 80*time.Millisecond {
				late++
			}
			before := len(b.got)
			a.push(b, 1, pipeline.Realtime, number(i, 10))
			w.run(20 * time.Millisecond)
			require.Len(t, b.got, before+1)
		}
		require.LessOrEqual(t, late, 1)
		require.NotZero(t, b.drops("cookie/reply_share"))
		require.Zero(t, b.drops("cookie/reply_budget"))
		require.Zero(t, b.handshakes(HandshakeRate))
		require.Zero(t, b.handshakes(HandshakeEvicted))
	})
}

// Someone holds all handshakes that an address may have, and takes each back that
// he loses: with two packets each, every five seconds, or as fast as they are
// admitted. Who dials from there is up all the same.
func TestAnAddressAtItsLimitIsNotKeptOut(t *testing.T) {
	t.Run("slow", func(t *testing.T) {
		seeds(t, 20, func(t *testing.T, seed uint64) {
			w := newNetwork(t, seed)
			a, b := w.node(), w.node()
			f := &flooder{b: b}
			var tick func()
			tick = func() {
				for b.ep.halves.held(source(a.addr)) < 5 {
					f.begin(netip.AddrPortFrom(a.addr.Addr(), uint16(20_000+f.count)))
				}
				w.after(10*time.Millisecond, tick)
			}
			tick()
			w.run(time.Second)
			a.dial(b)
			took := w.await(time.Second, func() bool { return a.up(b) && b.up(a) })
			require.Equal(t, 30*time.Millisecond, took)
			require.EqualValues(t, 1, b.handshakes(HandshakeEvicted))
		})
	})
	for _, tt := range []struct {
		roundTrip time.Duration
		least     int // of 40
	}{
		{30 * time.Millisecond, 36}, // if any of the five gave way whatever its age, 22
		{80 * time.Millisecond, 28},
		{160 * time.Millisecond, 14},
	} {
		t.Run("fast, round trip "+tt.roundTrip.String(), func(t *testing.T) {
			up := 0
			for seed := range uint64(40) {
				w := newNetwork(t, seed)
				w.link.delay = tt.roundTrip / 2
				a, b := w.node(), w.node()
				f := &flooder{b: b}
				var tick func()
				tick = func() {
					f.begin(netip.AddrPortFrom(a.addr.Addr(), uint16(20_000+f.count)))
					w.after(4*time.Millisecond+time.Duration(w.rng.Int64N(int64(2*time.Millisecond))), tick)
				}
				tick()
				w.run(time.Second)
				a.dial(b)
				w.until(6*time.Second, func() bool { return a.up(b) && b.up(a) || a.count(DialEnded) > 0 })
				if a.up(b) {
					up++
				}
				require.LessOrEqual(t, b.ep.halves.held(source(a.addr)), 5)
			}
			t.Logf("%d of 40 are up", up)
			require.GreaterOrEqual(t, up, tt.least)
		})
	}
}

// 250 dials from one address, at the defaults, are up within 5 s, while another
// address floods.
func TestManyDialsFromOneAddressInAFlood(t *testing.T) {
	for _, flooded := range []bool{false, true} {
		w := newNetwork(t, 1)
		b := w.node()
		f := &flooder{b: b}
		if flooded {
			proven := v4(2, 2)
			data := f.lowOrder(proven)
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
		t.Logf("flooded %v: %v", flooded, took)
	}
}

// 100,000 addresses begin handshakes: the table holds what it may, and what is
// known of addresses does not outlast their handshakes.
func TestManyAddressesDoNotGrowTheTable(t *testing.T) {
	w := newNetwork(t, 2)
	b := w.node(func(c *Config) { c.HandshakeRate, c.HandshakeBurst = 1<<20, 1<<18 })
	b.ep.cfg.Authorize = func([KeySize]byte) bool { return false }
	f := &flooder{b: b}
	const addresses = 5_000 // each admitted one costs public-key work
	for i := range addresses {
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 1)
		p := pipeline.Packet{Data: f.init(), Addr: addr, Now: w.now}
		h, _ := wire.ParseHeader(p.Data)
		b.ep.handleInit(&p, h)
		require.LessOrEqual(t, b.ep.halves.len(), 100)
		require.LessOrEqual(t, len(b.ep.halves.holders.byAddr), 100)
		if i%10 == 0 {
			b.takeJobs()
		}
	}
	require.EqualValues(t, addresses, b.handshakes(HandshakeStarted)+b.handshakes(HandshakeRate)+b.handshakes(HandshakeAddress))
	require.Len(t, b.ep.halves.holders.ranks, 2)
}

// What one message 1 of a flood costs the event loop, all in all: without a
// cookie, with a wrong one, and with a good one beyond the share.
func BenchmarkInitFlood(b *testing.B) {
	for name, cookie := range map[string]byte{"none": 0, "wrong": 1, "good": 2} {
		b.Run(name, func(b *testing.B) {
			w := newNetwork(b, 1)
			n := w.node()
			f := &flooder{b: n}
			from := v4(1, 1)
			data := f.init()
			switch cookie {
			case 1:
				wire.InitCookie(data)[0] = 1
			case 2:
				data = f.lowOrder(from)
			}
			b.ReportAllocs()
			for b.Loop() {
				w.now += pipeline.Time(time.Microsecond)
				n.ep.HandleDatagram(data, from, w.now)
				n.ep.Outgoing()
				for j := n.ep.PollJob(); j != nil; j = n.ep.PollJob() {
					j.err = noise.ErrMessage // not run: the worker does that elsewhere
					n.ep.HandleJob(j, w.now)
				}
			}
		})
	}
}
