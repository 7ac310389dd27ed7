package load

import (
	"encoding/binary"
	"time"
)

// StampSize is the size of a Stamp, and so the least size of a message, in
// bytes.
const StampSize = 12

// Stamp is the first part of every message of a load. In bytes, little-endian:
//
//	0-7   At in nanoseconds
//	8-11  ID
type Stamp struct {
	// At is the time of [Now] at which the message was given to its transport.
	// Messages that are sent together share a reading of the clock.
	At time.Duration
	// ID tells messages of different kinds apart: the number of a measurement,
	// so that late messages of an earlier one are not counted, or of a sender.
	ID uint32
}

// Put writes s to the first StampSize bytes of b.
func (s Stamp) Put(b []byte) {
	binary.LittleEndian.PutUint64(b, uint64(s.At))
	binary.LittleEndian.PutUint32(b[8:], s.ID)
}

// ReadStamp reads the Stamp at the start of b. ok is false if b is too short.
func ReadStamp(b []byte) (s Stamp, ok bool) {
	if len(b) < StampSize {
		return s, false
	}
	return Stamp{time.Duration(binary.LittleEndian.Uint64(b)), binary.LittleEndian.Uint32(b[8:])}, true
}
