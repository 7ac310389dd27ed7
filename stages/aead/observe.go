package aead

import (
	"bytes"
	"crypto/cipher"
	"encoding/binary"

	"github.com/intentra/intentra/wire"
)

// Observer observes every key of a [Seal] and every counter that is used with it, so
// that tests can check that no pair of the two occurs twice. Both methods are called
// on the chain's goroutine.
type Observer interface {
	// Installed is called for each key that is installed.
	Installed(key Fingerprint)
	// Sealed is called for each call of the key's cipher, with the counter that
	// the nonce contains.
	Sealed(key Fingerprint, counter uint64)
}

// Fingerprint identifies a key without revealing it: the tag of an empty message under
// the nonce of 96 one bits. No packet has that nonce, as the first 32 bits of theirs
// are zero.
type Fingerprint = [wire.TagSize]byte

// Observe sets the observer of the keys that are installed from now on, nil for none.
// Without an observer it costs nothing: the cipher of a key is wrapped only when the
// key is installed with one.
func (s *Seal) Observe(o Observer) { s.observer = o }

// observed is a cipher whose calls of Seal are reported to an observer.
type observed struct {
	cipher.AEAD
	observer Observer
	key      Fingerprint
	suite    wire.Suite
}

// observe returns k with its cipher wrapped, and calls o.Installed.
func (k Key) observe(o Observer) Key {
	c := &observed{AEAD: k.cipher, observer: o, suite: k.suite}
	c.key = Fingerprint(k.cipher.Seal(nil, bytes.Repeat([]byte{0xff}, nonceSize), nil, nil))
	o.Installed(c.key)
	return Key{cipher: c, suite: k.suite}
}

func (c *observed) Seal(dst, nonce, plaintext, header []byte) []byte {
	counter := nonce[nonceSize-8:]
	if c.suite == wire.ChaChaPoly {
		c.observer.Sealed(c.key, binary.LittleEndian.Uint64(counter))
	} else {
		c.observer.Sealed(c.key, binary.BigEndian.Uint64(counter))
	}
	return c.AEAD.Seal(dst, nonce, plaintext, header)
}
