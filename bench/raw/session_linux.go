package raw

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

const (
	headerSize = 16
	tagSize    = 16
	nonceSize  = 12
	kindData   = 0x11

	// tokenRate and tokenBurst are higher than any sender's rate: the bucket is
	// there for its cost alone.
	tokenRate  = 1e7 // per second
	tokenBurst = 1e7
)

// direction distinguishes the keys of the two directions.
type direction byte

const (
	toReceiver direction = iota
	toSender
)

// newAEAD returns the cipher of a connection. Its key is derived from the index,
// as there is no handshake.
func newAEAD(index uint32, d direction) cipher.AEAD {
	var key [32]byte
	binary.BigEndian.PutUint32(key[:], index)
	key[31] = byte(d)
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // impossible: the length is valid
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// opening is the receiving half of a session.
type opening struct {
	aead   cipher.AEAD
	tokens float64
	last   int64 // nanoseconds
	// highest is the highest accepted counter; bit i of seen is set if
	// highest-i was accepted.
	highest, seen uint64
	reply         sealing
}

// allow takes a token, and returns false if the bucket is empty.
func (o *opening) allow(now int64) bool {
	o.tokens = min(o.tokens+float64(now-o.last)*(tokenRate/1e9), tokenBurst)
	o.last = now
	if o.tokens < 1 {
		return false
	}
	o.tokens--
	return true
}

// fresh returns false for a counter that was accepted before or is too old, and
// otherwise records it.
func (o *opening) fresh(counter uint64) bool {
	if counter > o.highest {
		o.seen = o.seen<<(counter-o.highest) | 1
		o.highest = counter
		return true
	}
	behind := o.highest - counter
	if behind >= 64 || o.seen&(1<<behind) != 0 {
		return false
	}
	o.seen |= 1 << behind
	return true
}

// sealing is the sending half of a session.
type sealing struct {
	aead    cipher.AEAD
	index   uint32
	counter uint64
}

// seal writes a datagram with the message to dst, which must have room for it,
// and returns the datagram.
func (s *sealing) seal(dst []byte, nonce *[nonceSize]byte, message []byte) []byte {
	s.counter++
	binary.BigEndian.PutUint32(dst, kindData<<24)
	binary.BigEndian.PutUint32(dst[4:], s.index)
	binary.BigEndian.PutUint64(dst[8:], s.counter)
	binary.BigEndian.PutUint64(nonce[4:], s.counter)
	sealed := s.aead.Seal(dst[headerSize:headerSize], nonce[:], message, dst[:headerSize])
	return dst[:headerSize+len(sealed)]
}

func datagramSize(message int) int { return headerSize + message + tagSize }
