package intentra

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
)

// ErrKey: what should be a key is none.
var ErrKey = errors.New("intentra: not a key")

// errNoBase64 is ErrKey for text.
var errNoBase64 = fmt.Errorf("%w: want 44 characters of base64, as keygen prints them", ErrKey)

// PrivateKey is an X25519 private key (RFC 7748): this side's identity. It
// prints as a placeholder, so that it does not end up in logs; see
// [WritePrivateKey] for keeping it.
type PrivateKey [32]byte

// PublicKey is an X25519 public key: another side's identity. Its text form is
// standard base64.
type PublicKey [32]byte

// GenerateKey returns a new random key.
func GenerateKey() (PrivateKey, error) {
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("intentra: generating a key: %w", err)
	}
	b := k.Bytes()
	defer clear(b)
	return PrivateKey(b), nil
}

// Public returns the public half. That of the zero key is zero.
func (k PrivateKey) Public() PublicKey {
	if k == (PrivateKey{}) {
		return PublicKey{}
	}
	private, err := ecdh.X25519().NewPrivateKey(k[:])
	if err != nil {
		// Any 32 bytes are an X25519 private key.
		panic("intentra: " + err.Error())
	}
	return PublicKey(private.PublicKey().Bytes())
}

const hidden = "intentra.PrivateKey(hidden)"

// String returns a placeholder.
func (k PrivateKey) String() string { return hidden }

// GoString returns a placeholder.
func (k PrivateKey) GoString() string { return hidden }

// Format prints a placeholder, whatever the verb.
func (k PrivateKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// MarshalText returns a placeholder.
func (k PrivateKey) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue returns a placeholder.
func (k PrivateKey) LogValue() slog.Value { return slog.StringValue(hidden) }

// String returns the key in base64.
func (k PublicKey) String() string { return base64.StdEncoding.EncodeToString(k[:]) }

// MarshalText returns the key in base64.
func (k PublicKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText is ParsePublicKey.
func (k *PublicKey) UnmarshalText(text []byte) (err error) {
	*k, err = ParsePublicKey(string(text))
	return err
}

// ParsePublicKey reads a key in base64. The error is [ErrKey].
func ParsePublicKey(s string) (PublicKey, error) {
	b, err := decodeKey([]byte(s))
	if err == nil && b == ([32]byte{}) {
		err = errNoBase64
	}
	return b, err
}

// decodeKey reads 32 bytes of strict base64. Its error never quotes the input,
// which may be a private key, and it leaves no copy of it behind.
func decodeKey(text []byte) (k [32]byte, err error) {
	text = bytes.TrimSpace(text)
	// The length first: the decoder ignores line breaks within.
	if len(text) != base64.StdEncoding.EncodedLen(len(k)) {
		return k, errNoBase64
	}
	b := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	defer clear(b)
	n, err := base64.StdEncoding.Strict().Decode(b, text)
	if err != nil || n != len(k) {
		return k, errNoBase64
	}
	return [32]byte(b[:n]), nil
}
