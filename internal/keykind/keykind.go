// Package keykind tells public keys from private ones. Both are 32 bytes, and any 32
// bytes are a private key.
package keykind

import (
	"crypto/ecdh"
	"encoding/hex"
	"slices"
)

// CanBePublic reports whether k is the public key of some private key: a
// multiple of the base point, whose order is the prime
// l = 2^252 + 27742317777372353535851937790883648493 (RFC 7748 section 4.1).
// Multiplying such a point by 5l-1, a scalar that clamping leaves unchanged,
// gives its negative, which has the same coordinate. For other points the
// coordinate changes. It is true of one in 32 random private keys as well.
func CanBePublic(k [32]byte) bool {
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
