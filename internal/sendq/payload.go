package sendq

import (
	"sync"
	"sync/atomic"
)

// Payload is a payload that several queues hold at a time, so that a broadcast
// is copied once and not once a queue. Whoever holds a share of it may read it;
// nobody changes it before all shares have been released.
type Payload struct {
	bytes  []byte
	shares atomic.Int64
}

// payloads are those that nobody holds. A share that is never released, as in a
// queue that has been closed, costs only that the collector takes the Payload.
var payloads = sync.Pool{New: func() any { return new(Payload) }}

// NewPayload returns a copy of b with the number of shares, all the caller's.
func NewPayload(b []byte, shares int) *Payload {
	p := payloads.Get().(*Payload)
	p.bytes = append(p.bytes[:0], b...)
	p.shares.Store(int64(shares))
	return p
}

// Release gives up n shares. The last one ends the Payload's use.
func (p *Payload) Release(n int) {
	if p.shares.Add(-int64(n)) == 0 {
		payloads.Put(p)
	}
}
