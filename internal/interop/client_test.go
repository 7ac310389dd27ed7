package interop_test

import (
	"bytes"
	"crypto/cipher"
	"crypto/ecdh"
	"encoding/binary"
	"errors"

	"golang.org/x/crypto/blake2s"
)

// client is a dialer, implemented from PROTOCOL.md alone.
type client struct {
	suite             byte
	static, ephemeral *ecdh.PrivateKey
	index             []byte // 4 bytes
	hello             []byte

	noise       *symmetric
	init        []byte
	responder   []byte // its static public key
	remoteIndex []byte
	k1, k2      []byte // of the current epoch
	seals       cipher.AEAD
	opens       cipher.AEAD
	epoch       byte
	next        uint64 // counter
}

var errRefused = errors.New("refused")

// start returns the Init packet without a cookie (sections 2 and 3.1).
func (c *client) start() {
	c.hello = join(c.index, c.hello)
	c.noise = newSymmetric(c.suite, join([]byte("intentra handshake"), []byte{1, c.suite}, c.index))
	e := c.ephemeral.PublicKey().Bytes()
	c.noise.mixHash(e)
	c.noise.mixHash(make([]byte, 96))
	c.init = join([]byte{0x12, c.suite, 0, 0}, make([]byte, 4), c.index, make([]byte, 4), e, make([]byte, 96+16))
}

// cookie puts the cookie of a Cookie packet into Init (section 3.3).
func (c *client) cookie(b []byte) error {
	key := blake2s.Sum256(c.init[:144])
	m := must(blake2s.New128(key[:]))
	m.Write(b[:32])
	header := join([]byte{0x15, c.suite, 0, 0}, c.index, make([]byte, 8))
	if len(b) != 48 || !bytes.Equal(b[:16], header) || !bytes.Equal(b[32:], m.Sum(nil)) {
		return errRefused
	}
	if !bytes.Equal(b[16:32], make([]byte, 16)) { // otherwise: wait, with the cookie that Init has
		copy(c.init[144:], b[16:32])
	}
	return nil
}

// response reads Response and returns the responder's Hello.
func (c *client) response(b []byte) ([]byte, error) {
	header := join([]byte{0x13, c.suite, 0, 0}, c.index, make([]byte, 8))
	if len(b) != 160 || !bytes.Equal(b[:16], header) {
		return nil, errRefused
	}
	hello, err := c.message2(b[16:], c.ephemeral)
	if err != nil || !sound(hello) {
		return nil, errRefused
	}
	c.remoteIndex = hello[:4]
	return hello, nil
}

// message2 reads Noise message 2.
func (c *client) message2(b []byte, ephemeral *ecdh.PrivateKey) (payload []byte, err error) {
	s, e := c.noise, b[:32]
	s.mixHash(e)
	s.mixKey(dh(ephemeral, e))
	if c.responder, err = s.dec(b[32:80]); err != nil {
		return nil, err
	}
	s.mixKey(dh(ephemeral, c.responder))
	return s.dec(b[80:])
}

// message3 writes Noise message 3 and derives the keys. e is the responder's
// ephemeral public key.
func (c *client) message3(e, payload []byte) []byte {
	s := c.noise
	b := s.enc(c.static.PublicKey().Bytes())
	s.mixKey(dh(c.static, e))
	b = append(b, s.enc(payload)...)
	c.k1, c.k2 = hkdf2(s.ck, nil)
	c.seals, c.opens, c.next = newAEAD(c.suite, c.k1), newAEAD(c.suite, c.k2), 0
	return b
}

// final returns the Final packet that answers a Response.
func (c *client) final(response []byte) []byte {
	header := join([]byte{0x14, c.suite, 0, 0}, c.remoteIndex, make([]byte, 8))
	return append(header, c.message3(response[16:48], c.hello)...)
}

// seal returns a Data packet with the frames (section 4).
func (c *client) seal(frames ...[]byte) []byte {
	header := binary.BigEndian.AppendUint64(join([]byte{0x11, 0, 0, 0}, c.remoteIndex), c.next)
	packet := c.seals.Seal(header, nonce(c.suite, c.next), join(frames...), header)
	c.next++
	return packet
}

// open opens a Data packet.
func (c *client) open(b []byte) (counter uint64, frames []byte, err error) {
	if len(b) < 32 || !bytes.Equal(b[:8], join([]byte{0x11, 0, 0, 0}, c.index)) {
		return 0, nil, errRefused
	}
	counter = binary.BigEndian.Uint64(b[8:])
	frames, err = c.opens.Open(nil, nonce(c.suite, counter), b[16:], b[:16])
	return counter, frames, err
}

// rekeyInit returns the first frame of a rekey (section 7).
func (c *client) rekeyInit(ephemeral *ecdh.PrivateKey, index []byte) []byte {
	c.noise = newSymmetric(c.suite, join([]byte("intentra rekey"), []byte{1, c.suite}, c.noise.h))
	e := ephemeral.PublicKey().Bytes()
	c.noise.mixHash(e)
	c.noise.mixHash(index)
	return join([]byte{9, 1, 36}, e, index)
}

// rekeyFinal processes the answer and returns a packet with the last frame, sealed
// with the old keys. It then switches to the new keys.
func (c *client) rekeyFinal(answer []byte, ephemeral *ecdh.PrivateKey, index []byte) ([]byte, error) {
	remoteIndex, err := c.message2(answer, ephemeral)
	if err != nil {
		return nil, err
	}
	old := *c
	message := c.message3(answer[:32], nil)
	c.index, c.remoteIndex = index, remoteIndex
	c.epoch++
	return old.seal(join([]byte{9, 3, 0x40, 64}, message)), nil
}
