// Package place decides which hub of a fleet a peer belongs to. Every hub and every client
// computes the same from the same list. It has no state.
package place

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/intentra/intentra"
)

// Rank sorts hubs by how suitable they are for the peer with key k, best first. If a hub
// is added or removed, the others keep their order, so only the peers of that hub move
// (rendezvous hashing: Thaler and Ravishankar, 1998).
func Rank(hubs []intentra.PublicKey, k intentra.PublicKey) {
	slices.SortFunc(hubs, func(a, b intentra.PublicKey) int {
		switch x, y := Score(a, k), Score(b, k); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return bytes.Compare(a[:], b[:])
	})
}

// Score returns how suitable a hub is for the peer with key k. The hub with the highest
// score is the peer's home.
func Score(hub, k intentra.PublicKey) uint64 { return digest(k, digest(hub, 1)) }

// digest hashes a key. Keys are chosen by their owners, who can at most choose their own
// hub with it, so that it need not be a cryptographic hash.
func digest(k intentra.PublicKey, seed uint64) uint64 {
	h := seed
	for i := 0; i < len(k); i += 8 {
		h = mix(h + binary.LittleEndian.Uint64(k[i:]))
	}
	return h
}

// mix is the finalizer of SplitMix64.
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
