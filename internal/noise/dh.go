package noise

import (
	"bytes"
	"crypto/ecdh"
	"fmt"
	"io"

	flynn "github.com/flynn/noise"
)

// flynn represents a private key as a byte slice. Ours contains one of these
// labels instead, so that flynn's memory never holds a private key.
const (
	ownStatic = iota
	ownEphemeral
	ownKeys
)

// dh is the DH function that flynn calls in one handshake: X25519 (section 12.1)
// with the two private keys of its owner. flynn's own function starts from the
// private bytes at each call, and so multiplies a second time for a public key
// that is not needed.
//
// The first secret of each private key is cached. In a responder these are ee
// and es, so rebuilding the state after message 2 only costs hashing, and an
// injected message 3 causes no multiplication.
type dh struct {
	private [ownKeys]*ecdh.PrivateKey
	first   [ownKeys]struct{ public, secret []byte }
	// last is the newest secret that is not cached. It is overwritten at the
	// next call; flynn has hashed it before that.
	last []byte
}

var _ flynn.DHFunc = (*dh)(nil)

func newDH(s *Static, ephemeral *[KeySize]byte) (*dh, error) {
	if s == nil || s.private == nil {
		return nil, ErrKey
	}
	key, err := newPrivate(ephemeral)
	if err != nil {
		return nil, err
	}
	return &dh{private: [ownKeys]*ecdh.PrivateKey{s.private, key}}, nil
}

func (d *dh) key(label byte) flynn.DHKey {
	return flynn.DHKey{Private: []byte{label}, Public: d.private[label].PublicKey().Bytes()}
}

// GenerateKeypair returns the ephemeral key of this handshake. It reads no
// random bytes, and returns the same key when a state is rebuilt.
func (d *dh) GenerateKeypair(io.Reader) (flynn.DHKey, error) {
	return d.key(ownEphemeral), nil
}

// DH multiplies the private key named by label with a public key. The result is
// valid until a later call or wipe overwrites it.
//
// Section 12.1 permits, but does not recommend, an error for an all-zero result.
// DH returns ErrLowOrder for it, because a static key of low order would be an
// identity that can be proven without a private key.
func (d *dh) DH(label, public []byte) ([]byte, error) {
	own := label[0]
	first := &d.first[own]
	if first.secret != nil && bytes.Equal(first.public, public) {
		return first.secret, nil
	}
	remote, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	secret, err := x25519(d.private[own], remote)
	if err != nil {
		return nil, ErrLowOrder
	}
	if first.secret == nil {
		first.public, first.secret = bytes.Clone(public), secret
		return secret, nil
	}
	clear(d.last)
	d.last = secret
	return secret, nil
}

// DHLen returns the length of keys and secrets.
func (d *dh) DHLen() int { return KeySize }

// DHName returns the function's name in the protocol name.
func (d *dh) DHName() string { return "25519" }

// wipe overwrites the computed secrets. Some memory cannot be overwritten in Go:
// the *ecdh.PrivateKey of the ephemeral key, chaining and cipher keys inside
// flynn's states, the states of hashes and ciphers, and copies left by the
// compiler or by a growing stack. It lasts until it is collected and reused.
func (d *dh) wipe() {
	for i := range d.first {
		clear(d.first[i].secret)
	}
	clear(d.last)
	*d = dh{}
}
