// Package addrhash hashes addresses with a key, for arrays of fixed size that are
// indexed by address.
package addrhash

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Hash is a family of hash functions with one key. It uses the /64 prefix of an
// IPv6 address, because a host may use any interface identifier in it (RFC 4291
// section 2.5.1), and all of an IPv4 address, also if it is mapped to IPv6. It
// ignores zones.
//
// Hash multiplies and mixes in two rounds. It is not a cryptographic hash and need
// not be one: hashes are never revealed, and an attacker that finds a collision
// with a victim's address, by observing which packets are dropped, must start over
// with each key. The key must be unpredictable, so that collisions cannot be
// computed.
//
// A Hash is immutable and safe for concurrent use. Use New; the zero value has no
// valid key.
type Hash struct{ k0, k1 uint64 }

// New returns the hash with the key seed.
func New(seed [16]byte) Hash {
	return Hash{
		// The constants are digits of pi. With them a seed of zeros is not a
		// weak key. k1 is odd, so that multiplication by it is invertible
		// modulo 2^64.
		k0: binary.LittleEndian.Uint64(seed[:8]) ^ 0x243f6a8885a308d3,
		k1: binary.LittleEndian.Uint64(seed[8:])<<1 ^ 0x13198a2e03707345,
	}
}

// Sum returns the hash of addr. All of its bits are equally well distributed. Each
// salt selects another function: addresses that collide with one salt collide with
// another no more often than by chance.
func (h Hash) Sum(addr netip.Addr, salt uint64) uint64 {
	// The odd constant, from the golden ratio, spreads neighbouring salts.
	return mix(mix(prefix(addr)^h.k0, h.k1)^salt*0x9e3779b97f4a7c15, h.k0|1)
}

// prefix returns the part of addr that is hashed. IPv4 addresses are mapped into
// 0:ffff::/32, which is reserved, so that they differ from all IPv6 prefixes in use.
func prefix(addr netip.Addr) uint64 {
	if addr = addr.Unmap(); addr.Is4() {
		ip := addr.As4()
		return 0xffff<<32 | uint64(binary.BigEndian.Uint32(ip[:]))
	}
	ip := addr.As16()
	return binary.BigEndian.Uint64(ip[:8])
}

// mix multiplies a and b to 128 bits and folds the halves, so that every bit of the
// result depends on low and on high bits of the operands.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
