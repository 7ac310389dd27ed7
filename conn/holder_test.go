package conn

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
)

// The table agrees with a model that scans every handshake.
func TestHoldersAgainstAScan(t *testing.T) {
	r := seed.Rand(t)
	var h holders
	h.init()
	var all []*halfOpen // oldest first
	since := map[netip.Addr]int{}
	count := func(src netip.Addr) (n int) {
		for _, o := range all {
			if o.key.addr.Addr() == src {
				n++
			}
		}
		return n
	}
	for step := range 20_000 {
		if grow := step/2000%2 == 0; len(all) == 0 || r.IntN(10) < 3 || grow && r.IntN(10) < 5 {
			half := &halfOpen{key: initKey{addr: testAddr(r.IntN(1+r.IntN(20)), step)}}
			all = append(all, half)
			h.add(half)
			since[half.key.addr.Addr()] = step
		} else {
			i := r.IntN(len(all))
			h.remove(all[i])
			since[all[i].key.addr.Addr()] = step
			all = slices.Delete(all, i, i+1)
		}
		var want *halfOpen
		most := 0
		for _, o := range all {
			src := o.key.addr.Addr()
			n := count(src)
			require.Equal(t, n, h.count(src))
			if n > most || n == most && since[src] < since[want.key.addr.Addr()] {
				want, most = o, n
			}
		}
		if len(all) > 0 {
			o := all[r.IntN(len(all))]
			src := o.key.addr.Addr()
			require.Equal(t, src, h.at(src, r.IntN(count(src))).key.addr.Addr())
			require.Same(t, o, h.at(src, o.seat), "each can be drawn at random")
		}
		require.Same(t, want, h.oldest(0))
		require.Same(t, want, h.oldest(max(0, most-1)))
		require.Nil(t, h.oldest(most))
		if len(all) > 100 {
			all, since = nil, map[netip.Addr]int{}
			h = holders{}
			h.init()
		}
	}
	for _, half := range all {
		h.remove(half)
	}
	require.Empty(t, h.byAddr)
	require.Zero(t, h.top)
	require.Nil(t, h.oldest(0))
}

// BenchmarkEviction finds a victim among 65,536 handshakes as fast as among 100,
// without looking at the others.
func BenchmarkEviction(b *testing.B) {
	for name, n := range map[string]int{"100": 100, "65536": 1 << 16} {
		b.Run(name, func(b *testing.B) {
			var h holders
			h.init()
			for i := range n {
				h.add(&halfOpen{key: initKey{addr: testAddr(i/5, i)}})
			}
			b.ReportAllocs()
			for b.Loop() {
				victim := h.oldest(0)
				h.remove(victim)
				h.add(victim)
			}
		})
	}
}
