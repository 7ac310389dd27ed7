package main

import (
	"crypto/ecdh"
	"encoding/hex"
	"slices"

	"github.com/intentra/intentra"
)

// holdsPrivateKey reports whether a list is most likely a private key file,
// which reads like a list of one key without a name: it holds own, or nothing
// but a key that cannot be a public one. It never says so of public keys, but
// takes one in 32 of the private ones of others for public.
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

// canBePublic reports whether k is the public key of some private one: a
// multiple of the base point, whose order is the prime
// l = 2^252 + 27742317777372353535851937790883648493 (RFC 7748 section 4.1).
// Multiplying by 5l-1, a scalar that clamping leaves as it is, gives such a
// point's negative, which has the same coordinate, and other points' never.
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
