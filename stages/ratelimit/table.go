package ratelimit

import (
	"net/netip"

	"github.com/intentra/intentra/internal/addrhash"
)

// Table is a fixed array of buckets for any number of addresses. A keyed hash selects
// the bucket of an address. Addresses with the same bucket share it, so with n busy
// addresses the probability that a quiet one is limited is about n divided by the size
// of the table. [addrhash.Hash] documents which part of an address is hashed; ports are
// ignored.
//
// The buckets, 16 bytes each, of a table that is not larger than DefaultTableSize are
// allocated with the first address: an endpoint that does nothing but dial rarely needs
// them. A Table is not safe for concurrent use.
type Table struct {
	size    int
	buckets []Bucket
	hash    addrhash.Hash
}

// NewTable returns a table of size buckets, which must be a power of two, with seed as
// the key of the hash.
func NewTable(size int, seed [16]byte) *Table {
	t := &Table{size: size, hash: addrhash.New(seed)}
	if size > DefaultTableSize {
		t.buckets = make([]Bucket, size) // so much is not allocated in service
	}
	return t
}

// Bucket returns the bucket of addr.
func (t *Table) Bucket(addr netip.Addr) *Bucket {
	if t.buckets == nil {
		t.buckets = make([]Bucket, t.size)
	}
	return &t.buckets[t.hash.Sum(addr, 0)&uint64(len(t.buckets)-1)]
}
