package chain

import (
	"encoding/binary"

	"github.com/intentra/intentra/internal/chainrig"
)

// An input is a sequence of items: kind, argument, length of the body (little-endian)
// and body. Any bytes are valid.
type item struct {
	kind, argument byte
	body           []byte
}

// The kinds of items.
const (
	anyBytes  = iota // the body, from anyone
	byPeer           // the body as frames, sealed by a malicious peer
	again            // an earlier datagram, unchanged
	flipped          // an earlier datagram with one bit changed
	elsewhere        // an earlier datagram, from another address
	byChain          // the body as messages, through the outbound chain
	withheld         // the same, not delivered, but again may do so later
	proven           // the last challenged Init, with its cookie
	laterKind        // nothing: time passes
	kinds
)

const (
	itemHeader = 4
	maxItems   = 100 // too few to reach the rate limit
)

func parseItems(input []byte) (items []item) {
	for len(input) >= itemHeader && len(items) < maxItems {
		n := min(int(binary.LittleEndian.Uint16(input[2:])), len(input)-itemHeader)
		items = append(items, item{input[0] % kinds, input[1], input[itemHeader : itemHeader+n]})
		input = input[itemHeader+n:]
	}
	return items
}

func appendItem(b []byte, kind, argument byte, body []byte) []byte {
	b = binary.LittleEndian.AppendUint16(append(b, kind, argument), uint16(len(body)))
	return append(b, body...)
}

// The argument of a peer's item selects the link, how the body is sent, the counter,
// the sequence number and the distance.

func (i item) link() chainrig.Link { return links[int(i.argument)%len(links)] }
func (i item) how() int            { return int(i.argument) / len(links) % 4 }
func (i item) counter() uint64     { return uint64(i.argument) / uint64(len(links)) }
func (i item) sequence() uint64    { return uint64(i.argument >> 4) }
func (i item) distance() uint16    { return uint16(i.argument >> 6) }
