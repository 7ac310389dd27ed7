package ack

// bufferPool keeps payload buffers of held messages for use again, so that
// loss does not mean an allocation for each message behind a gap.
type bufferPool struct{ free [][]byte }

const (
	pooledBuffers = 256
	bufferSize    = 2048
)

// copy returns a copy of b.
func (p *bufferPool) copy(b []byte) []byte {
	if len(b) <= bufferSize && len(p.free) > 0 {
		buf := p.free[len(p.free)-1]
		p.free = p.free[:len(p.free)-1]
		return append(buf[:0], b...)
	}
	return append(make([]byte, 0, max(bufferSize, len(b))), b...)
}

// put takes back what copy has returned. It ignores nil.
func (p *bufferPool) put(b []byte) {
	if cap(b) == bufferSize && len(p.free) < pooledBuffers {
		p.free = append(p.free, b)
	}
}
