package ratelimit

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// Package addrhash tests which part of an address is hashed and how well neighbouring
// addresses spread.
func TestTableCountsAddresses(t *testing.T) {
	table := NewTable(DefaultTableSize, [16]byte{1})
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	require.Same(t, table.Bucket(a), table.Bucket(a))
	require.NotSame(t, table.Bucket(a), table.Bucket(b))
}

func TestTableUsesAllBuckets(t *testing.T) {
	table, hit := NewTable(64, [16]byte{1}), map[*Bucket]bool{}
	for i := range uint32(2000) {
		hit[table.Bucket(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 10<<24|i))))] = true
	}
	require.Len(t, hit, 64)
}

func TestTableOfOne(t *testing.T) {
	table := NewTable(1, [16]byte{})
	require.Same(t, table.Bucket(netip.Addr{}), table.Bucket(netip.MustParseAddr("192.0.2.1")))
}
