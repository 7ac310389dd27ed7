package ack

// bufferPool keeps empty payload buffers for reuse, so that under loss not each held
// message needs an allocation. A buffer is as large as its payload, rounded up so that
// with its heldMessage it has a multiple of bufferUnit: held messages are limited by
// their size in memory, so small payloads must not occupy large buffers.
type bufferPool struct {
	free [(pooledSize+heldOverhead)/bufferUnit + 1][][]byte // by HeldSize in units
	size int                                                // bytes of all free buffers
}

// What we chose, in bytes.
const (
	bufferUnit   = 64
	pooledSize   = 2048 - heldOverhead // the largest buffer that is kept
	maxPooled    = 512 << 10           // of all that are kept
	heldOverhead = 48                  // the size of a heldMessage in the heap
)

// HeldSize returns how much of [Config].HeldBytes a Reliable message with n bytes of
// payload takes while it is held: its payload and 48 bytes, rounded up to a multiple
// of 64.
func HeldSize(n int) int { return (n + heldOverhead + bufferUnit - 1) / bufferUnit * bufferUnit }

// buffered returns the size of the buffer that copy makes for n bytes.
func buffered(n int) int { return HeldSize(n) - heldOverhead }

// copy returns a copy of b in a buffer of its own.
func (p *bufferPool) copy(b []byte) []byte {
	n := buffered(len(b))
	if n <= pooledSize {
		if free := &p.free[(n+heldOverhead)/bufferUnit]; len(*free) > 0 {
			last := len(*free) - 1
			buf := (*free)[last]
			*free = (*free)[:last]
			p.size -= n
			return append(buf[:0], b...)
		}
	}
	return append(make([]byte, 0, n), b...)
}

// put takes back a buffer that copy returned. It ignores nil.
func (p *bufferPool) put(b []byte) {
	if n := cap(b); n > 0 && n <= pooledSize && p.size+n <= maxPooled {
		free := &p.free[(n+heldOverhead)/bufferUnit]
		*free = append(*free, b)
		p.size += n
	}
}
