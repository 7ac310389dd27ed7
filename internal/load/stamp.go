package load

import (
	"encoding/binary"
	"time"
)

// StampSize is the least size of a message, in bytes.
const StampSize = 12

// Stamp is the beginning of a message. In bytes, little-endian:
//
//	0-7   At in nanoseconds
//	8-11  Run
type Stamp struct {
	// At is when the message was given to its transport, by Now. Messages that
	// are sent together share a reading of the clock.
	At time.Duration
	// Run tells the messages of one measurement from stragglers of another.
	Run uint32
}

// Put writes s to the first StampSize bytes of b.
func (s Stamp) Put(b []byte) {
	binary.LittleEndian.PutUint64(b, uint64(s.At))
	binary.LittleEndian.PutUint32(b[8:], s.Run)
}

// ReadStamp reads what Put has written. ok is false if b is too short.
func ReadStamp(b []byte) (s Stamp, ok bool) {
	if len(b) < StampSize {
		return s, false
	}
	return Stamp{time.Duration(binary.LittleEndian.Uint64(b)), binary.LittleEndian.Uint32(b[8:])}, true
}
