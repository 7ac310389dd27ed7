package pipeline

import "fmt"

// ID identifies a peer, a session or an epoch while it is live: a small dense number
// to index tables with, and a generation that distinguishes successive holders of
// the number. The ID of an epoch is the receiver index on the wire.
//
// From the low end: 20 bits of number, 8 bits of generation (never zero), and 4
// bits for the event loop, which are zero while a port has one loop. The zero ID
// identifies nothing.
type ID uint32

const (
	idNumberBits = 20

	// MaxIDs is the number of IDs of one kind that can live at a time.
	MaxIDs = 1 << idNumberBits
)

// MakeID returns the ID with the number num, below [MaxIDs], and the
// generation gen, which must not be zero.
func MakeID(num uint32, gen uint8) ID {
	if num >= MaxIDs || gen == 0 {
		panic(fmt.Sprintf("pipeline: MakeID(%d, %d) is out of range", num, gen))
	}
	return ID(gen)<<idNumberBits | ID(num)
}

// Number returns the number, which is below [MaxIDs].
func (id ID) Number() uint32 { return uint32(id) & (MaxIDs - 1) }

// Generation returns the generation, which distinguishes successive holders of a
// number.
func (id ID) Generation() uint8 { return uint8(id >> idNumberBits) }
