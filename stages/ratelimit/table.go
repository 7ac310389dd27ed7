package ratelimit

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Table is a fixed array of buckets for any number of addresses. An address has
// the bucket that a keyed hash of it names; addresses that fall on one bucket
// share it, so with n busy addresses a quiet one is held up with a chance of
// about n in the size of the table. An IPv6 address counts by its /64, because a
// host may take any of the interface identifiers in it (RFC 4291 section 2.5.1),
// an IPv4 address as a whole, ports and zones not at all.
//
// The hash is a multiply-mix of two rounds. It is no cryptographic one and needs
// not be: nobody is shown a hash, and who finds an address that shares a bucket
// with a victim's, by watching whose packets are dropped, has to start again at
// each key. The key must be unpredictable, so that collisions cannot be computed.
//
// Not safe for concurrent use.
type Table struct {
	buckets []Bucket
	k0, k1  uint64
}

// NewTable returns a table of size buckets, which must be a power of two, under
// the key seed.
func NewTable(size int, seed [16]byte) *Table {
	return &Table{
		buckets: make([]Bucket, size),
		// The constants, digits of pi, keep a seed of zeros from being a bad
		// key. The second key is odd, so no product with it is always zero.
		k0: binary.LittleEndian.Uint64(seed[:8]) ^ 0x243f6a8885a308d3,
		k1: binary.LittleEndian.Uint64(seed[8:])<<1 ^ 0x13198a2e03707345,
	}
}

// Bucket returns the bucket of addr.
func (t *Table) Bucket(addr netip.Addr) *Bucket {
	h := mix(mix(prefix(addr)^t.k0, t.k1), t.k0|1)
	return &t.buckets[h&uint64(len(t.buckets)-1)]
}

// prefix returns what addr counts by. IPv4 addresses land where no IPv6 /64
// does that is in use: in 0:ffff::/32, which is reserved.
func prefix(addr netip.Addr) uint64 {
	if addr = addr.Unmap(); addr.Is4() {
		ip := addr.As4()
		return 0xffff<<32 | uint64(binary.BigEndian.Uint32(ip[:]))
	}
	ip := addr.As16()
	return binary.BigEndian.Uint64(ip[:8])
}

// mix multiplies to 128 bits and folds the halves: in the upper one low bits
// reach high ones, in the lower one, by the fold, high bits reach low ones.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
