package conn

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// fill queues n datagrams of a size, each filled with its number.
func (a *arena) fill(t *testing.T, n, size int) {
	for i := range n {
		require.False(t, a.full(), "datagram %d", i)
		b := a.buffer()
		require.Empty(t, b)
		require.Equal(t, a.size, cap(b))
		b = b[:size]
		for j := range b {
			b[j] = byte(i)
		}
		a.commit(b, &netip.AddrPort{}, &netip.Addr{}, 0)
	}
}

// Datagrams stay intact while the arena grows, and lie back to back from the next
// batch on.
func TestArenaGrows(t *testing.T) {
	var a arena
	a.init(1232)
	require.Zero(t, cap(a.block), "a block before anything was sent")
	for round, backToBack := range []bool{false, true, true} {
		a.fill(t, 100, 1000)
		out := a.take()
		require.Len(t, out, 100)
		one := true
		for i, d := range out {
			require.Equal(t, 1000, len(d.Data))
			require.Equal(t, byte(i), d.Data[0])
			require.Equal(t, byte(i), d.Data[999])
			if i > 0 {
				before := out[i-1].Data
				one = one && &before[:1001][1000] == &d.Data[0]
			}
		}
		require.Equal(t, backToBack, one, "round %d", round)
	}
	require.LessOrEqual(t, cap(a.block), transmitBytes)
	require.Zero(t, testing.AllocsPerRun(10, func() {
		for range 100 {
			a.commit(a.buffer()[:1000], &netip.AddrPort{}, &netip.Addr{}, 0)
		}
		a.take()
	}))
}

// The block grows with what is sent, up to the limits.
func TestArenaLimits(t *testing.T) {
	var a arena
	a.init(1232)
	for range 100 {
		a.fill(t, 2, 100)
		a.take()
	}
	require.Equal(t, firstBytes, cap(a.block))

	a.fill(t, transmitBatch, 10)
	require.True(t, a.full())
	a.take()
	bytes := 0
	for !a.full() {
		a.commit(a.buffer()[:1232], &netip.AddrPort{}, &netip.Addr{}, 0)
		bytes += 1232
	}
	require.Equal(t, transmitBytes/1232*1232, bytes)
	a.take()

	// There is always room for one datagram of the largest size.
	a = arena{}
	a.init(wire.MaxDatagram)
	a.fill(t, 1, wire.MaxDatagram)
	a.take()
	a.fill(t, 2, wire.MaxDatagram)
	require.True(t, a.full())
}
