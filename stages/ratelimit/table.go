package ratelimit

import (
	"net/netip"

	"github.com/intentra/intentra/internal/addrhash"
)

// Table is a fixed array of buckets for any number of addresses. An address has
// the bucket that a keyed hash of it names; addresses that fall on one bucket
// share it, so with n busy addresses a quiet one is held up with a chance of
// about n in the size of the table. What an address counts by, and what the hash
// is good for, is said at [addrhash.Hash]; ports do not count.
//
// Not safe for concurrent use.
type Table struct {
	buckets []Bucket
	hash    addrhash.Hash
}

// NewTable returns a table of size buckets, which must be a power of two, under
// the key seed.
func NewTable(size int, seed [16]byte) *Table {
	return &Table{buckets: make([]Bucket, size), hash: addrhash.New(seed)}
}

// Bucket returns the bucket of addr.
func (t *Table) Bucket(addr netip.Addr) *Bucket {
	return &t.buckets[t.hash.Sum(addr, 0)&uint64(len(t.buckets)-1)]
}
