package fragment

// What we chose, in bytes.
const (
	bufferUnit = 4 << 10 // buffers are multiples of it
	maxPooled  = 1 << 20 // of all empty buffers that are kept
	maxSpare   = 64      // empty messages that are kept
)

// buffered returns the size of the buffer for a message of n bytes.
func buffered(n int) int { return (n + bufferUnit - 1) / bufferUnit * bufferUnit }

// pool keeps empty buffers for later messages, which are often as large as the earlier
// ones.
type pool struct {
	free map[int][][]byte // by size
	size int              // bytes of all
}

func (p *pool) get(n int) []byte {
	size := buffered(n)
	free := p.free[size]
	if len(free) == 0 {
		return make([]byte, n, size)
	}
	last := len(free) - 1
	b := free[last]
	free[last] = nil
	p.free[size] = free[:last]
	p.size -= size
	return b[:n]
}

// put takes back a buffer that get returned. It ignores nil.
func (p *pool) put(b []byte) {
	n := cap(b)
	if n == 0 || p.size+n > maxPooled {
		return
	}
	if p.free == nil {
		p.free = make(map[int][][]byte)
	}
	p.free[n] = append(p.free[n], b)
	p.size += n
}
