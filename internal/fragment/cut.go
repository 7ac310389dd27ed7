package fragment

// Unit divides all offsets and, except at the end of a message, all lengths, in bytes.
const Unit = 64

// Chunk returns the length of the fragments of a message if a packet has room for frames
// of room bytes and a fragment takes overhead bytes more than it carries. It is zero if
// no fragment fits.
func Chunk(room, overhead int) int { return max(room-overhead, 0) / Unit * Unit }

// Cut goes through a message of size bytes in fragments of chunk bytes, the last of which
// may be shorter.
type Cut struct{ size, chunk, next int }

// NewCut returns a Cut at the start of the message. Both arguments are positive.
func NewCut(size, chunk int) Cut { return Cut{size: size, chunk: chunk} }

// Next returns the place of the next fragment, which [Cut.Sent] leaves behind. After the
// last one n is zero.
func (c *Cut) Next() (offset, n int) { return c.next, min(c.chunk, c.size-c.next) }

// Sent moves on to the fragment after the next one.
func (c *Cut) Sent() { c.next = min(c.next+c.chunk, c.size) }

// Started reports whether a fragment was sent.
func (c *Cut) Started() bool { return c.next > 0 }

// Done reports whether all fragments were sent.
func (c *Cut) Done() bool { return c.next == c.size }

// Count returns the number of fragments.
func (c *Cut) Count() int { return (c.size + c.chunk - 1) / c.chunk }

// At returns the place of fragment i.
func (c *Cut) At(i int) (offset, n int) {
	offset = i * c.chunk
	return offset, min(c.chunk, c.size-offset)
}
