package noise

import (
	"crypto/ecdh"
	"fmt"
)

// KeySize is the length in bytes of X25519 keys, private and public, and of
// cipher keys.
const KeySize = 32

// Static is a long-term X25519 key pair. It is immutable and safe for
// concurrent use; its public half is computed once, in NewStatic. The zero
// value is not a key.
type Static struct {
	private *ecdh.PrivateKey
	public  [KeySize]byte
}

// NewStatic returns the key pair of the private key, 32 secret random bytes. It
// returns ErrKey if they are all zero, as those of an unset configuration are.
func NewStatic(private [KeySize]byte) (*Static, error) {
	key, err := newPrivate(&private)
	if err != nil {
		return nil, err
	}
	s := &Static{private: key}
	copy(s.public[:], key.PublicKey().Bytes())
	return s, nil
}

// Public returns the public key, which is what peers know the owner by.
func (s *Static) Public() [KeySize]byte { return s.public }

// Private returns the private key, for a recording that is to be replayed. The
// caller sees to it that it goes nowhere else.
func (s *Static) Private() [KeySize]byte { return [KeySize]byte(s.private.Bytes()) }

// newPrivate makes a key of the bytes and overwrites them.
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
