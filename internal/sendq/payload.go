package sendq

import (
	"sync"
	"sync/atomic"
)

// Payload is a payload that several queues share, so that a broadcast is copied
// once and not for each queue. It is immutable until all shares are released; the
// holder of a share may read it.
type Payload struct {
	bytes  []byte
	shares atomic.Int64
	payer  atomic.Pointer[Budget] // that was charged with it; nil before the first push
}

// payloads is a pool of released payloads. A Payload with a share that is never
// released, as in a closed queue, is garbage collected instead.
var payloads = sync.Pool{New: func() any { return new(Payload) }}

// NewPayload returns a copy of b with the given number of shares, which belong to
// the caller.
func NewPayload(b []byte, shares int) *Payload {
	p := payloads.Get().(*Payload)
	p.bytes = append(p.bytes[:0], b...)
	p.shares.Store(int64(shares))
	return p
}

// Release releases n shares. After the last one the Payload is reused.
func (p *Payload) Release(n int) {
	if p.shares.Add(-int64(n)) == 0 {
		p.refund()
		payloads.Put(p)
	}
}
