package ack

// bufferPool keeps empty payload buffers for reuse, so that under loss not each held
// message needs an allocation. A buffer is as large as its payload, rounded up to
// bufferUnit: held messages are limited by the size of their buffers, so small
// payloads must not occupy large ones.
type bufferPool struct {
	free [pooledSize/bufferUnit + 1][][]byte // by size in units
	size int                                 // bytes of all free buffers
}

// What we chose, in bytes.
const (
	bufferUnit = 64
	pooledSize = 2048      // the largest buffer that is kept
	maxPooled  = 512 << 10 // of all that are kept
)

// buffered returns the size of the buffer that copy makes for n bytes.
func buffered(n int) int { return max(n+bufferUnit-1, bufferUnit) / bufferUnit * bufferUnit }

// copy returns a copy of b in a buffer of its own.
func (p *bufferPool) copy(b []byte) []byte {
	n := buffered(len(b))
	if n <= pooledSize {
		if free := &p.free[n/bufferUnit]; len(*free) > 0 {
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
		p.free[n/bufferUnit] = append(p.free[n/bufferUnit], b)
		p.size += n
	}
}
