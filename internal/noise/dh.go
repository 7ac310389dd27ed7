package noise

import (
	"bytes"
	"crypto/ecdh"
	"fmt"
	"io"

	flynn "github.com/flynn/noise"
)

// flynn names a private key by a byte slice. Ours hold one of these labels, so
// that no private key ever enters flynn's memory.
const (
	ownStatic = iota
	ownEphemeral
	ownKeys
)

// dh is flynn's DH function for one handshake: X25519 (section 12.1) with the
// two private keys of its owner. flynn's own function starts from the private
// bytes at each call and so multiplies twice, once for a public key that nobody
// asked for.
//
// The first secret of each private key is remembered. In a responder these are
// ee and es, so that going back to where message 2 was written costs hashing
// alone, and whoever injects messages 3 buys no multiplication with them.
type dh struct {
	private [ownKeys]*ecdh.PrivateKey
	first   [ownKeys]struct{ public, secret []byte }
	// last is the newest secret that is not remembered: flynn has hashed it
	// before it asks for the next.
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

// GenerateKeypair returns the ephemeral key of this handshake, the same each
// time: flynn asks again when a state is rebuilt. It reads no random bytes.
func (d *dh) GenerateKeypair(io.Reader) (flynn.DHKey, error) {
	return d.key(ownEphemeral), nil
}

// DH multiplies the private key under a label with a public key. The result is
// overwritten in a later call or by wipe.
//
// Section 12.1 allows, without advising it, to refuse a result of all zeros. It
// is refused here because a static key of low order would be an identity that
// needs no private key to prove.
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

// DHName returns the name that the protocol name has for the function.
func (d *dh) DHName() string { return "25519" }

// wipe overwrites the secrets that were computed. What Go leaves no way to
// overwrite: the *ecdh.PrivateKey of the ephemeral key, chaining and cipher
// keys inside flynn's states, the state of hash functions and ciphers, and
// copies that the compiler or a growing stack left behind. Those wait for the
// garbage collector and for their memory to be used again.
func (d *dh) wipe() {
	for i := range d.first {
		clear(d.first[i].secret)
	}
	clear(d.last)
	*d = dh{}
}
