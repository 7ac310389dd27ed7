//go:build !x25519memo

package noise

import "crypto/ecdh"

// x25519Key returns the private key made of 32 bytes.
func x25519Key(b []byte) (*ecdh.PrivateKey, error) { return ecdh.X25519().NewPrivateKey(b) }

// x25519 returns the shared secret, which the caller may overwrite.
func x25519(private *ecdh.PrivateKey, public *ecdh.PublicKey) ([]byte, error) {
	return private.ECDH(public)
}
