package cookie

import (
	"crypto/subtle"

	"github.com/intentra/intentra/wire"
	"golang.org/x/crypto/blake2s"
)

// AppendChallenge appends to dst the challenge, of wire.CookiePacketSize, that
// answers init with cookie:
//
//	0-15   header: TypeCookie, the suite of init, receiver = the sender of init
//	16-31  cookie
//	32-47  BLAKE2s-128 of bytes 0-31, keyed with the BLAKE2s-256 of init
//	       without its cookie
//
// The key is known only to those who have seen init, which is an Init packet without a
// fault that wire.ParseHeader finds.
func AppendChallenge(dst, init []byte, cookie [wire.CookieSize]byte) []byte {
	return newSigner().appendChallenge(dst, init, cookie)
}

// OpenChallenge returns the cookie of a challenge that answers init, which the caller
// has sent. ok is false if the bytes are not such a challenge. The comparison takes
// constant time.
func OpenChallenge(init, challenge []byte) (cookie [wire.CookieSize]byte, ok bool) {
	if len(init) != wire.InitSize || len(challenge) != wire.CookiePacketSize {
		return cookie, false
	}
	offered, _ := wire.CookiePacket(challenge)
	copy(cookie[:], offered)
	// Everything but the cookie is determined by init, so comparing whole packets
	// checks every byte.
	if subtle.ConstantTimeCompare(AppendChallenge(nil, init, cookie), challenge) != 1 {
		return [wire.CookieSize]byte{}, false
	}
	return cookie, true
}

// signer makes challenges without allocating.
type signer struct {
	mac *mac
	key [keySize]byte // here, because on the stack it would escape
}

func newSigner() *signer { return &signer{mac: newMAC()} }

func (s *signer) appendChallenge(dst, init []byte, cookie [wire.CookieSize]byte) []byte {
	h, _ := wire.ParseHeader(init)
	start := len(dst)
	dst = wire.AppendHeader(dst, wire.Header{Type: wire.TypeCookie, Suite: h.Suite, Receiver: h.Sender})
	dst = append(dst, cookie[:]...)

	s.key = blake2s.Sum256(wire.InitWithoutCookie(init))
	s.mac.setKey(s.key[:])
	s.mac.start()
	s.mac.hash.Write(dst[start:])
	return s.mac.appendSum(dst)
}
