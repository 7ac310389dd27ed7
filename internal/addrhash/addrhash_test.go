package addrhash

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAddressesWithEqualSums(t *testing.T) {
	h := New([16]byte{1})
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"192.0.2.1", "::ffff:192.0.2.2", false},
		{"2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"fe80::1%eth0", "fe80::1%eth1", true},
	} {
		a, b := netip.MustParseAddr(c.a), netip.MustParseAddr(c.b)
		require.Equal(t, c.same, h.Sum(a, 7) == h.Sum(b, 7), "%s and %s", c.a, c.b)
	}
	require.NotPanics(t, func() { h.Sum(netip.Addr{}, 0) })
}

// Neighbouring addresses spread about as evenly as at random, with any key,
// including zero, and any salt. If 65,536 addresses are distributed over 4,096
// places at random, then with a probability above 1 - 10^-4 no place is empty and
// none has 50 or more.
func TestNeighboursSpread(t *testing.T) {
	const places = 4096
	networks := map[string]func(i uint32) netip.Addr{
		"IPv4 /16": func(i uint32) netip.Addr {
			return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 10<<24|i)))
		},
		"IPv4, one of each /16": func(i uint32) netip.Addr {
			return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, i<<16|1)))
		},
		"IPv6 /48": func(i uint32) netip.Addr {
			return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 0, byte(i >> 8), byte(i)})
		},
		"IPv6, one of each /16": func(i uint32) netip.Addr {
			return netip.AddrFrom16([16]byte{byte(i >> 8), byte(i), 0xd, 0xb8})
		},
	}
	for name, addr := range networks {
		for _, seed := range [][16]byte{{}, {1}, {15: 1}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}} {
			for _, salt := range []uint64{0, 1, 1 << 40, ^uint64(0)} {
				h, hits, used, most := New(seed), [places]int{}, 0, 0
				for i := range uint32(65536) {
					place := &hits[h.Sum(addr(i), salt)%places]
					if *place == 0 {
						used++
					}
					*place++
					most = max(most, *place)
				}
				require.Less(t, most, 50, "%s, seed %x, salt %x", name, seed, salt)
				require.Greater(t, used, places-10, "%s, seed %x, salt %x", name, seed, salt)
			}
		}
	}
}

// Addresses that collide with one key and salt collide with other keys or salts no
// more often than by chance.
func TestKeyAndSaltChangeCollisions(t *testing.T) {
	const places = 256
	first, at := New([16]byte{1}), map[uint64]netip.Addr{}
	pairs, keyed, salted := 0, 0, 0
	for i := range byte(250) {
		b := netip.AddrFrom4([4]byte{192, 0, 2, i})
		place := first.Sum(b, 0) % places
		a, found := at[place]
		at[place] = b
		if !found {
			continue
		}
		pairs++
		for k := range byte(200) {
			h := New([16]byte{k, 8: ^k})
			if h.Sum(a, 0)%places == h.Sum(b, 0)%places {
				keyed++
			}
			if salt := uint64(k) + 1; first.Sum(a, salt)%places == first.Sum(b, salt)%places {
				salted++
			}
		}
	}
	require.Greater(t, pairs, 50)
	// By chance 200 tries at one in 256: 0.8 collisions for each pair.
	require.Less(t, keyed, 2*pairs)
	require.Less(t, salted, 2*pairs)
}

func TestSumDoesNotAllocate(t *testing.T) {
	h, addr, sum := New([16]byte{1}), netip.MustParseAddr("2001:db8::1"), uint64(0)
	require.Zero(t, testing.AllocsPerRun(1000, func() { sum += h.Sum(addr, sum) }))
}
