// Package addrhash hashes addresses under a key, for fixed arrays that hold
// something for any number of them.
package addrhash

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Hash is a family of hash functions under one key. An IPv6 address counts by
// its /64, because a host may take any of the interface identifiers in it (RFC
// 4291 section 2.5.1), an IPv4 address as a whole, also when mapped to IPv6,
// and zones not at all.
//
// It is a multiply-mix of two rounds. It is no cryptographic hash and needs not
// be: nobody is shown a hash, and who finds an address that collides with a
// victim's, by watching whose packets are dropped, has to start again at each
// key. The key must be unpredictable, so that collisions cannot be computed.
//
// A Hash is a plain value, safe for concurrent use. The zero value is none: use
// New.
type Hash struct{ k0, k1 uint64 }

// New returns the hash under the key seed.
func New(seed [16]byte) Hash {
	return Hash{
		// The constants, digits of pi, keep a seed of zeros from being a bad
		// key. The second key is odd, so no product with it is always zero.
		k0: binary.LittleEndian.Uint64(seed[:8]) ^ 0x243f6a8885a308d3,
		k1: binary.LittleEndian.Uint64(seed[8:])<<1 ^ 0x13198a2e03707345,
	}
}

// Sum returns the hash of addr, of which any bits are as good as any others.
// Each salt is another function: addresses that share some bits of their sums
// under one salt do so under others no more often than by chance.
func (h Hash) Sum(addr netip.Addr, salt uint64) uint64 {
	// The odd constant, from the golden ratio, takes neighbouring salts apart.
	return mix(mix(prefix(addr)^h.k0, h.k1)^salt*0x9e3779b97f4a7c15, h.k0|1)
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
