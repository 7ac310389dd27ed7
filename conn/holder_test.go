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
	var h holders[*halfOpen]
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
			h.add(half.key.addr.Addr(), &half.seat, half)
			since[half.key.addr.Addr()] = step
		} else {
			i := r.IntN(len(all))
			h.remove(&all[i].seat)
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
		require.Same(t, want, oldest(&h, 0))
		require.Same(t, want, oldest(&h, max(0, most-1)))
		require.Nil(t, oldest(&h, most))
		if len(all) > 100 {
			all, since = nil, map[netip.Addr]int{}
			h = holders[*halfOpen]{}
			h.init()
		}
	}
	for _, half := range all {
		h.remove(&half.seat)
	}
	require.Empty(t, h.byAddr)
	require.Zero(t, h.top)
	require.Nil(t, oldest(&h, 0))
}

// BenchmarkEviction finds a victim among 65,536 handshakes as fast as among 100,
// without looking at the others.
func BenchmarkEviction(b *testing.B) {
	for name, n := range map[string]int{"100": 100, "65536": 1 << 16} {
		b.Run(name, func(b *testing.B) {
			var h holders[*halfOpen]
			h.init()
			for i := range n {
				half := &halfOpen{key: initKey{addr: testAddr(i/5, i)}}
				h.add(half.key.addr.Addr(), &half.seat, half)
			}
			b.ReportAllocs()
			for b.Loop() {
				victim := oldest(&h, 0)
				h.remove(&victim.seat)
				h.add(victim.key.addr.Addr(), &victim.seat, victim)
			}
		})
	}
}

// oldest returns the oldest entry of the address with the most, or nil if it has no
// more than held.
func oldest(h *holders[*halfOpen], held int) *halfOpen {
	if o := h.most(held); o != nil {
		return o.entries.Front().Value
	}
	return nil
}
