package load

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"

	"github.com/intentra/intentra"
)

// Seed is the secret from which all identities of a load are derived, so that a
// child needs one value instead of thousands of keys.
type Seed []byte

// NewSeed returns a random seed.
func NewSeed() Seed {
	s := make(Seed, sha256.Size)
	_, _ = rand.Read(s) // never fails
	return s
}

// Key returns the private key of identity i.
func (s Seed) Key(i int) intentra.PrivateKey {
	h := hmac.New(sha256.New, s)
	_ = binary.Write(h, binary.BigEndian, uint64(i)) // never fails
	return intentra.PrivateKey(h.Sum(nil))
}

// Authorize returns a Config.Authorize that allows only identities 0 to n-1.
func (s Seed) Authorize(n int) func(context.Context, intentra.Handshake) bool {
	allowed := make(map[intentra.PublicKey]struct{}, n)
	for i := range n {
		allowed[s.Key(i).Public()] = struct{}{}
	}
	return func(_ context.Context, h intentra.Handshake) bool {
		_, ok := allowed[h.Key]
		return ok
	}
}
