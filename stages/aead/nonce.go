package aead

import (
	"crypto/cipher"
	"encoding/binary"

	"github.com/intentra/intentra/wire"
)

const nonceSize = 12

// Key is a cipher with the nonce format of its Noise suite. It is not safe for
// concurrent use.
type Key struct {
	cipher cipher.AEAD
	suite  wire.Suite
}

// NewKey returns the Key of a cipher made for suite, with 12-byte nonces and
// 16-byte tags.
func NewKey(suite wire.Suite, c cipher.AEAD) Key { return Key{c, suite} }

// put writes the nonce for counter: 32 zero bits, then the counter, big-endian for
// AESGCM and little-endian for ChaChaPoly (Noise specification, revision 34, sections
// 12.3 and 12.4).
func (k *Key) put(nonce *[nonceSize]byte, counter uint64) {
	if k.suite == wire.ChaChaPoly {
		binary.LittleEndian.PutUint64(nonce[4:], counter)
		return
	}
	binary.BigEndian.PutUint64(nonce[4:], counter)
}
