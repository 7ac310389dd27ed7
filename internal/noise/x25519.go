//go:build !x25519memo

package noise

import "crypto/ecdh"

// x25519Key makes a private key of its 32 bytes.
func x25519Key(b []byte) (*ecdh.PrivateKey, error) { return ecdh.X25519().NewPrivateKey(b) }

// x25519 multiplies. The result is the caller's to overwrite.
func x25519(private *ecdh.PrivateKey, public *ecdh.PublicKey) ([]byte, error) {
	return private.ECDH(public)
}
