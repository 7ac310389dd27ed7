package noise

import (
	"crypto/ecdh"
	"fmt"
)

// KeySize is the length in bytes of private and public X25519 keys and of cipher
// keys.
const KeySize = 32

// Static is a long-term X25519 key pair. It is immutable and safe for
// concurrent use. NewStatic computes its public key once. The zero value is not
// a key.
type Static struct {
	private *ecdh.PrivateKey
	public  [KeySize]byte
}

// NewStatic returns the key pair of the private key, which is 32 secret random
// bytes. It returns ErrKey if they are all zero, as in an unset configuration.
func NewStatic(private [KeySize]byte) (*Static, error) {
	key, err := newPrivate(&private)
	if err != nil {
		return nil, err
	}
	s := &Static{private: key}
	copy(s.public[:], key.PublicKey().Bytes())
	return s, nil
}

// Public returns the public key, which is the owner's identity to its peers.
func (s *Static) Public() [KeySize]byte { return s.public }

// Private returns the private key. Only a recording that can be replayed needs
// it; the caller must not pass it on.
func (s *Static) Private() [KeySize]byte { return [KeySize]byte(s.private.Bytes()) }

// newPrivate returns the private key made of b, and overwrites b.
func newPrivate(b *[KeySize]byte) (*ecdh.PrivateKey, error) {
	defer clear(b[:])
	if *b == [KeySize]byte{} {
		return nil, ErrKey
	}
	key, err := x25519Key(b[:])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return key, nil
}
