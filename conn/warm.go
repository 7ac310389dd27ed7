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
	sum := e.warmth
	for i := range batch {
		t, receiver, ok := wire.Peek(batch[i].Data)
		if !ok || t != wire.TypeData {
			continue
		}
		slot := e.epochs.Get(pipeline.ID(receiver))
		if slot == nil {
			continue
		}
		ep := *slot
		s := ep.session
		p := s.peer
		sum += ep.received + uint64(s.received) + uint64(s.remote.Port()) + p.stats.MessagesIn
		sum += e.in.Warm(s.id, ep.id, ep.received)
	}
	e.warmth = sum // so that the compiler keeps the reads
}

// warmTouched is Warm for sessions that are about to be flushed.
func (e *Endpoint) warmTouched(batch []*session) {
	if len(batch) < 2 {
		return
	}
	sum := e.warmth
	for _, s := range batch {
		ep := s.current
		if s.closed || ep == nil {
			continue
		}
		p := s.peer
		state, _ := p.queue.Len()
		sum += uint64(state) + p.stats.MessagesOut + uint64(s.lastPing) + ep.skipAt
		sum += e.out.Warm(s.id, ep.id, 0)
	}
	e.warmth = sum
}
