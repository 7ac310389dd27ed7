package aead

import (
	"bytes"
	"crypto/cipher"
	"encoding/binary"

	"github.com/intentra/intentra/wire"
)

// Observer is notified of every key of a [Seal] and of every counter that is sealed
// under it. Tests use it to check that no pair of the two occurs twice. Both
// methods are called on the goroutine of the chain.
type Observer interface {
	// Installed is called with each key that packets will be sealed with.
	Installed(key Fingerprint)
	// Sealed is called for each call of the key's cipher, with the counter from
	// the nonce that the cipher was given.
	Sealed(key Fingerprint, counter uint64)
}

// Fingerprint tells keys apart, wherever they are used, without giving them
// away: it is the tag of an empty message under the nonce of 96 ones, whose
// first 32 no packet has.
type Fingerprint = [wire.TagSize]byte

// Observe has o told of the keys that are installed from now on. Nil ends that
// for later ones. Without an observer packets cost what they always cost: with
// one, the cipher of each key is wrapped as it is installed.
func (s *Seal) Observe(o Observer) { s.observer = o }

// observed passes calls on to a cipher, and tells of them.
type observed struct {
	cipher.AEAD
	observer Observer
	key      Fingerprint
	suite    wire.Suite
}

// observe returns k with its cipher wrapped, and tells o that it is installed.
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
