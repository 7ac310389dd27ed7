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

// ErrKey is returned for text, bytes or a file that should be a key and is not.
var ErrKey = errors.New("intentra: not a key")

// errNoBase64 is the [ErrKey] for malformed text.
var errNoBase64 = fmt.Errorf("%w: want 44 characters of base64, as keygen prints them", ErrKey)

// PrivateKey is an X25519 private key (RFC 7748), the identity of this side. Every
// form of printing it gives a placeholder, and marshalling it fails, so that it does
// not end up in logs; use [WritePrivateKey] to store it.
type PrivateKey [32]byte

// PublicKey is an X25519 public key, the identity of a peer. Its text form is
// standard base64, 44 characters.
type PublicKey [32]byte

// GenerateKey returns a new random private key.
func GenerateKey() (PrivateKey, error) {
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("intentra: generating a key: %w", err)
	}
	b := k.Bytes()
	defer clear(b)
	return PrivateKey(b), nil
}

// Public returns the public key that belongs to k. The zero key has the zero key.
func (k PrivateKey) Public() PublicKey {
	if k == (PrivateKey{}) {
		return PublicKey{}
	}
	private, err := ecdh.X25519().NewPrivateKey(k[:])
	if err != nil {
		// Impossible: any 32 bytes are an X25519 private key.
		panic("intentra: " + err.Error())
	}
	return PublicKey(private.PublicKey().Bytes())
}

const hidden = "intentra.PrivateKey(hidden)"

// String returns a placeholder.
func (k PrivateKey) String() string { return hidden }

// GoString returns a placeholder.
func (k PrivateKey) GoString() string { return hidden }

// Format prints a placeholder for every verb.
func (k PrivateKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// MarshalText fails, so that no file, such as one of JSON, gets a placeholder where a
// key is expected; see [WritePrivateKey].
func (k PrivateKey) MarshalText() ([]byte, error) {
	return nil, errors.New("intentra: a private key has no text form to marshal; use WritePrivateKey")
}

// ParsePrivateKey parses a key in standard base64, as [WritePrivateKey] writes it, with
// or without white space around it. The error is [ErrKey], also for the zero key, and
// never quotes the text.
func ParsePrivateKey(s string) (PrivateKey, error) {
	k, err := decodeKey([]byte(s))
	if err == nil && k == ([32]byte{}) {
		err = errNoBase64
	}
	return k, err
}

// LogValue returns a placeholder.
func (k PrivateKey) LogValue() slog.Value { return slog.StringValue(hidden) }

// String returns the key in base64.
func (k PublicKey) String() string { return base64.StdEncoding.EncodeToString(k[:]) }

// MarshalText returns the key in base64.
func (k PublicKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText parses text like [ParsePublicKey].
func (k *PublicKey) UnmarshalText(text []byte) (err error) {
	if k == nil {
		return errors.New("intentra: the *PublicKey is nil")
	}
	*k, err = ParsePublicKey(string(text))
	return err
}

// ParsePublicKey parses a key in standard base64, with or without white space
// around it. The error is [ErrKey], also for the zero key.
func ParsePublicKey(s string) (PublicKey, error) {
	b, err := decodeKey([]byte(s))
	if err == nil && b == ([32]byte{}) {
		err = errNoBase64
	}
	return b, err
}

// decodeKey decodes 32 bytes of strict base64. The text may be a private key, so
// the error does not quote it and no copy of it remains in memory.
func decodeKey(text []byte) (k [32]byte, err error) {
	text = bytes.TrimSpace(text)
	// Check the length first, because the decoder ignores line breaks.
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
