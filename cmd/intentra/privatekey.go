package main

import (
	"crypto/ecdh"
	"encoding/hex"
	"slices"

	"github.com/intentra/intentra"
)

// holdsPrivateKey reports whether a list is most likely a private key file,
// which parses as a list of one key without a name: it contains own, or only a
// key that cannot be a public one. It is never wrong about public keys, but it
// mistakes one in 32 private keys of other machines for public ones.
func holdsPrivateKey(list *intentra.AllowList, own intentra.PrivateKey) bool {
	if list.Allows(intentra.PublicKey(own)) {
		return true
	}
	if list.Len() != 1 {
		return false
	}
	k := list.Keys()[0]
	return list.Name(k) == "" && !canBePublic(k)
}

// canBePublic reports whether k is the public key of some private key: a
// multiple of the base point, whose order is the prime
// l = 2^252 + 27742317777372353535851937790883648493 (RFC 7748 section 4.1).
// Multiplying such a point by 5l-1, a scalar that clamping leaves unchanged,
// gives its negative, which has the same coordinate. For other points the
// coordinate changes.
func canBePublic(k intentra.PublicKey) bool {
	scalar, err := ecdh.X25519().NewPrivateKey(fiveLess1)
	if err != nil {
		return false
	}
	point, err := ecdh.X25519().NewPublicKey(k[:])
	if err != nil {
		return false
	}
	product, err := scalar.ECDH(point)
	return err == nil && slices.Equal(product, k[:])
}

// fiveLess1 is 5l-1, least byte first.
var fiveLess1, _ = hex.DecodeString("a023cdd083ef5bb82f10d62e59e15a6800000000000000000000000000000050")
