package conn

import (
	"errors"

	"github.com/intentra/intentra/internal/noise"
)

// KeySize is the length in bytes of X25519 keys, private and public, and of
// the cipher keys of an epoch.
const KeySize = 32

// ErrKey is returned for a private key that was never set: all bytes are zero.
var ErrKey = errors.New("conn: the private key is not set")

// Identity is a long-term X25519 key pair, under which peers know an endpoint.
// It is immutable, cheap to copy and safe for concurrent use. The zero value is
// no identity; see [NewIdentity].
type Identity struct{ static *noise.Static }

// NewIdentity returns the key pair of a private key, which is 32 secret random
// bytes. It computes the public key, which takes about 50 µs. The error is
// [ErrKey] if all bytes are zero.
func NewIdentity(private [KeySize]byte) (Identity, error) {
	s, err := noise.NewStatic(private)
	if err != nil {
		return Identity{}, ErrKey
	}
	return Identity{s}, nil
}

// IsZero reports whether i is the zero Identity.
func (i Identity) IsZero() bool { return i.static == nil }

// Public returns the public key, by which peers know the owner. That of the
// zero Identity is zero.
func (i Identity) Public() [KeySize]byte {
	if i.static == nil {
		return [KeySize]byte{}
	}
	return i.static.Public()
}

// Private returns the private key, for a recording that is to be replayed. The
// caller must keep it as secret as the original. That of the zero Identity is
// zero.
func (i Identity) Private() [KeySize]byte {
	if i.static == nil {
		return [KeySize]byte{}
	}
	return i.static.Private()
}
