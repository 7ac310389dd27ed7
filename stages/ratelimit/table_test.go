package ratelimit

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTableCountsAddresses(t *testing.T) {
	table := NewTable(DefaultTableSize, [16]byte{1})
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
		same := table.Bucket(netip.MustParseAddr(c.a)) == table.Bucket(netip.MustParseAddr(c.b))
		require.Equal(t, c.same, same, "%s and %s", c.a, c.b)
	}
}

// Runs of neighbouring addresses, under any key and the zero one, must spread
// about as evenly as balls thrown at random: 65,536 into 4,096 buckets leave
// none empty and put fewer than 50 into any, but for a chance below 10^-4.
func TestTableSpreadsNeighbours(t *testing.T) {
	networks := map[string]func(i uint32) netip.Addr{
		"IPv4 /16": func(i uint32) netip.Addr {
			return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 10<<24|i)))
		},
		"IPv4, one in each /16": func(i uint32) netip.Addr {
			return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, i<<16|1)))
		},
		"IPv6 /48": func(i uint32) netip.Addr {
			return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 0, byte(i >> 8), byte(i)})
		},
		"IPv6, one in each /16": func(i uint32) netip.Addr {
			return netip.AddrFrom16([16]byte{byte(i >> 8), byte(i), 0xd, 0xb8})
		},
	}
	for name, addr := range networks {
		for _, seed := range [][16]byte{{}, {1}, {15: 1}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}} {
			table, hits := NewTable(DefaultTableSize, seed), map[*Bucket]int{}
			for i := range uint32(65536) {
				hits[table.Bucket(addr(i))]++
			}
			require.Greater(t, len(hits), DefaultTableSize-10, "%s, seed %x", name, seed)
			for _, n := range hits {
				require.Less(t, n, 50, "%s, seed %x", name, seed)
			}
		}
	}
}

// Two addresses that share a bucket under one key do not under others.
func TestTableKeyChangesCollisions(t *testing.T) {
	const size = 256
	first, at := NewTable(size, [16]byte{1}), map[*Bucket]netip.Addr{}
	var a, b netip.Addr
	for i := byte(0); ; i++ {
		b = netip.AddrFrom4([4]byte{192, 0, 2, i})
		var found bool
		if a, found = at[first.Bucket(b)]; found {
			break
		}
		at[first.Bucket(b)] = b
	}
	again := 0
	for k := range byte(200) {
		if table := NewTable(size, [16]byte{k, 8: ^k}); table.Bucket(a) == table.Bucket(b) {
			again++
		}
	}
	require.Less(t, again, 10)
}

func TestTableOfOne(t *testing.T) {
	table := NewTable(1, [16]byte{})
	require.Same(t, table.Bucket(netip.Addr{}), table.Bucket(netip.MustParseAddr("192.0.2.1")))
}
