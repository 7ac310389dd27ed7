package cookie

import (
	"crypto/subtle"
	"encoding/binary"
	"io"
	"net/netip"
	"time"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// What we chose.
const (
	// RotateEvery is how long one secret is used for new cookies.
	RotateEvery = 120 * time.Second
	// Grace is how long the cookies of a secret stay valid after that: more than
	// a dialer's round trip.
	Grace = 5 * time.Second
)

const lifetime = pipeline.Time(RotateEvery + Grace)

// Jar makes and verifies cookies. It keeps no cookies, only the secrets that they are
// computed with: the current one and, for [Grace], its predecessor.
//
// The times passed to the methods drive the rotation: the first call after the current
// secret is [RotateEvery] old draws a new one. If the source of randomness fails, the
// current secret stays in use, its cookies stay valid, and the next call tries again.
//
// No method allocates. A Jar is not safe for concurrent use.
type Jar struct {
	rand              io.Reader
	current, previous secret

	// Buffers passed to the hash and the reader, which are interfaces: on the
	// stack they would escape.
	drawn  [keySize]byte
	prefix [16 + 2]byte
	sum    [wire.CookieSize]byte
}

type secret struct {
	mac  *mac
	born pipeline.Time
	live bool
}

// NewJar returns a Jar that draws its secrets, 32 bytes each, from rand, the
// first one at its first use.
func NewJar(rand io.Reader) *Jar {
	return &Jar{rand: rand, current: secret{mac: newMAC()}, previous: secret{mac: newMAC()}}
}

// Cookie returns the cookie for init from addr. ok is false if no secret could be drawn
// yet. init is an Init packet without a fault that wire.ParseHeader finds; the cookie
// that it carries has no effect.
func (j *Jar) Cookie(now pipeline.Time, addr netip.AddrPort, init []byte) (cookie [wire.CookieSize]byte, ok bool) {
	j.rotate(now)
	if !j.current.live {
		return cookie, false
	}
	j.compute(&j.current, addr, init)
	return j.sum, true
}

// Verify reports whether init, as for Cookie, carries a cookie that was made for it and
// addr and has not expired. The comparison takes constant time.
func (j *Jar) Verify(now pipeline.Time, addr netip.AddrPort, init []byte) bool {
	j.rotate(now)
	return j.verify(&j.current, addr, init) || j.verify(&j.previous, addr, init)
}

func (j *Jar) verify(s *secret, addr netip.AddrPort, init []byte) bool {
	if !s.live {
		return false
	}
	j.compute(s, addr, init)
	return subtle.ConstantTimeCompare(j.sum[:], wire.InitCookie(init)) == 1
}

// compute sets j.sum to the cookie of s for addr and init. An IPv4 address is treated
// as its IPv4-mapped IPv6 address, and zones are ignored.
func (j *Jar) compute(s *secret, addr netip.AddrPort, init []byte) {
	ip := addr.Addr().As16()
	copy(j.prefix[:], ip[:])
	binary.BigEndian.PutUint16(j.prefix[16:], addr.Port())
	s.mac.start()
	s.mac.hash.Write(j.prefix[:])
	s.mac.hash.Write(wire.InitWithoutCookie(init))
	s.mac.appendSum(j.sum[:0])
}

// rotate draws a new secret if one is due, and deletes the previous one when it
// expires.
func (j *Jar) rotate(now pipeline.Time) {
	if due := !j.current.live || now-j.current.born >= pipeline.Time(RotateEvery); due {
		j.draw(now)
	}
	if j.previous.live && now-j.previous.born >= lifetime {
		j.previous.live = false
		clear(j.drawn[:])
		j.previous.mac.setKey(j.drawn[:])
	}
}

func (j *Jar) draw(now pipeline.Time) {
	if _, err := io.ReadFull(j.rand, j.drawn[:]); err != nil {
		return
	}
	j.current, j.previous = j.previous, j.current
	j.current.mac.setKey(j.drawn[:])
	clear(j.drawn[:])
	j.current.born, j.current.live = now, true
}
