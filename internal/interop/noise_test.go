package interop_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"golang.org/x/crypto/chacha20poly1305"
)

// Sections 3.2 and 4 of PROTOCOL.md, implemented with cryptographic primitives. No
// package of ours is used, so that the code depends on the document alone.

var names = map[byte]string{1: "Noise_XX_25519_AESGCM_SHA256", 2: "Noise_XX_25519_ChaChaPoly_SHA256"}

// symmetric is the state of a handshake: h, ck, k and n.
type symmetric struct {
	suite    byte
	h, ck, k []byte
	n        uint64
}

func newSymmetric(suite byte, prologue []byte) *symmetric {
	h := make([]byte, 32)
	copy(h, names[suite])
	s := &symmetric{suite: suite, h: h, ck: h}
	s.mixHash(prologue)
	return s
}

func (s *symmetric) mixHash(x []byte) {
	sum := sha256.Sum256(join(s.h, x))
	s.h = sum[:]
}

func (s *symmetric) mixKey(x []byte) {
	s.ck, s.k = hkdf2(s.ck, x)
	s.n = 0
}

func (s *symmetric) enc(p []byte) []byte {
	c := newAEAD(s.suite, s.k).Seal(nil, nonce(s.suite, s.n), p, s.h)
	s.n++
	s.mixHash(c)
	return c
}

// dec is the inverse of enc.
func (s *symmetric) dec(c []byte) ([]byte, error) {
	p, err := newAEAD(s.suite, s.k).Open(nil, nonce(s.suite, s.n), c, s.h)
	s.n++
	s.mixHash(c)
	return p, err
}

func hkdf2(ck, x []byte) (o1, o2 []byte) {
	t := mac(ck, x)
	o1 = mac(t, []byte{1})
	return o1, mac(t, append(o1[:32:32], 2))
}

func mac(key, x []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(x)
	return m.Sum(nil)
}

func nonce(suite byte, counter uint64) []byte {
	if suite == 1 {
		return binary.BigEndian.AppendUint64(make([]byte, 4), counter)
	}
	return binary.LittleEndian.AppendUint64(make([]byte, 4), counter)
}

func newAEAD(suite byte, key []byte) cipher.AEAD {
	if suite == 1 {
		return must(cipher.NewGCM(must(aes.NewCipher(key))))
	}
	return must(chacha20poly1305.New(key))
}

func privateKey(b []byte) *ecdh.PrivateKey { return must(ecdh.X25519().NewPrivateKey(b)) }

func dh(private *ecdh.PrivateKey, public []byte) []byte {
	return must(private.ECDH(must(ecdh.X25519().NewPublicKey(public))))
}

func join(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
