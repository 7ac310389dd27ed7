package conn

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// WarmBatch is the number of datagrams to pass to [Endpoint.Warm] at a time: enough
// for their memory accesses to overlap, and few enough that what was fetched is still
// in the cache when its packet is processed.
const WarmBatch = 16

// Warm reads the state that the next datagrams will need, so that the processor
// fetches all of it at once instead of packet by packet. With thousands of busy
// sessions each packet misses the near caches, and waiting for memory takes longer
// than the work. Warm changes nothing and may be left out.
func (e *Endpoint) Warm(batch []wire.Datagram) {
	e.checked()
	sum := e.warmth
	var previous uint32
	for i := range batch {
		t, receiver, ok := wire.Peek(batch[i].Data)
		if !ok || t != wire.TypeData || i > 0 && receiver == previous {
			continue // the datagrams of a run have one receiver
		}
		previous = receiver
		slot := e.epochs.Get(pipeline.ID(receiver))
		if slot == nil {
			continue
		}
		ep := *slot
		s := ep.session
		p := s.peer
		sum += ep.received + uint64(s.received) + uint64(s.remote.Port()) + p.stats.MessagesIn
		if p.User != nil {
			sum++
		}
		sum += e.in.Warm(s.id, ep.id, ep.received)
	}
	e.warmth = sum // so that the compiler keeps the reads
}

// warmTouched is Warm for sessions that are about to be flushed.
func (e *Endpoint) warmTouched(batch []*session) {
	if len(batch) < 2 {
		return
	}
	// Each loop reads the pointers that the next one follows: the processor overlaps
	// only reads that are within some hundred instructions and do not wait for another.
	sum := e.warmth
	for _, s := range batch {
		sum += uint64(s.lastPing) + uint64(s.inFlight)
	}
	for _, s := range batch {
		if s.closed || s.current == nil {
			continue
		}
		p := s.peer
		state, _ := p.queue.Len()
		sum += uint64(state) + p.stats.MessagesOut + s.current.skipAt
		if s.more != nil {
			sum += uint64(s.more.messages.due)
		}
	}
	for _, s := range batch {
		if ep := s.current; ep != nil && !s.closed {
			sum += ep.tracker.Next()
		}
	}
	for _, s := range batch {
		if ep := s.current; ep != nil && !s.closed {
			sum += e.out.Warm(s.id, ep.id, 0)
		}
	}
	e.warmth = sum
}
