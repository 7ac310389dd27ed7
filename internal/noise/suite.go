package noise

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"

	flynn "github.com/flynn/noise"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/intentra/intentra/wire"
)

// NewAEAD returns the AEAD of suite with the given key. It takes the 12-byte
// nonces that AppendNonce returns, and is safe for concurrent use. The error is
// ErrSuite if the suite is unknown.
func NewAEAD(suite wire.Suite, key [KeySize]byte) (cipher.AEAD, error) {
	switch suite {
	case wire.AESGCM:
		block, err := aes.NewCipher(key[:])
		if err != nil {
			return nil, err
		}
		return cipher.NewGCM(block)
	case wire.ChaChaPoly:
		return chacha20poly1305.New(key[:])
	}
	return nil, ErrSuite
}

// AppendNonce appends the 12-byte nonce of a packet counter to dst: "32 bits of
// zeros followed by" the counter, little-endian for ChaChaPoly (section 12.3),
// big-endian for AESGCM (section 12.4). The suite must be valid.
func AppendNonce(dst []byte, suite wire.Suite, counter uint64) []byte {
	dst = append(dst, 0, 0, 0, 0)
	if suite == wire.ChaChaPoly {
		return binary.LittleEndian.AppendUint64(dst, counter)
	}
	return binary.BigEndian.AppendUint64(dst, counter)
}

func newCipherSuite(suite wire.Suite, d *dh) (flynn.CipherSuite, error) {
	switch suite {
	case wire.AESGCM:
		return flynn.NewCipherSuite(d, flynn.CipherAESGCM, flynn.HashSHA256), nil
	case wire.ChaChaPoly:
		return flynn.NewCipherSuite(d, flynn.CipherChaChaPoly, flynn.HashSHA256), nil
	}
	return nil, ErrSuite
}
