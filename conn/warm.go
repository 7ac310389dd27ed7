package conn

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// WarmBatch is how many datagrams are worth warming up at a time: enough for
// their memory accesses to overlap, few enough that what has been fetched is
// still there when its packet comes.
const WarmBatch = 16

// Warm reads what the next few datagrams will need, so that the processor
// fetches it all at once instead of packet by packet: with thousands of busy
// sessions each packet finds its own out of the near caches, and waiting for
// them in turn takes longer than the work. It changes nothing.
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
		sum += e.set.Warm(s.id, ep.id, ep.received)
	}
	e.warmth = sum // so that the reads are not for nothing
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
		sum += e.set.WarmOutbound(s.id, ep.id)
	}
	e.warmth = sum
}
