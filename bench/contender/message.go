package contender

import (
	"encoding/binary"
	"time"

	"github.com/intentra/intentra/internal/load"
)

// A message is the stamp that package load knows, of run zero; then
//
//	12     flags
//	13-16  number of a message that asks for an echo
//
// and zeros up to its size.
const (
	// MinSize is the least size of a message in bytes.
	MinSize = numberAt + 4
	// MaxSize is what all contenders carry in one datagram: less than a QUIC
	// packet of 1200 bytes holds.
	MaxSize = 1100

	flagsAt   = load.StampSize
	numberAt  = flagsAt + 1
	flagEcho  = 1
	flagsKnow = flagEcho
)

// Stamp marks b, which has at least MinSize bytes, as sent at a time of
// load.Now.
func Stamp(b []byte, at time.Duration) { load.Stamp{At: at}.Put(b) }

// StampEcho is Stamp for a message that the receiver is to send back.
func StampEcho(b []byte, at time.Duration, number uint32) {
	Stamp(b, at)
	b[flagsAt] = flagEcho
	binary.BigEndian.PutUint32(b[numberAt:], number)
}

// Echo reads an echoed message.
func Echo(b []byte) (sent time.Duration, number uint32, ok bool) {
	if len(b) < MinSize || b[flagsAt] != flagEcho {
		return 0, 0, false
	}
	return sentAt(b), binary.BigEndian.Uint32(b[numberAt:]), true
}

func sentAt(b []byte) time.Duration {
	s, _ := load.ReadStamp(b)
	return s.At
}
