package intentra

import (
	"sync"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
)

// published is the copy of the core's counters that other goroutines read.
type published struct {
	mu   sync.Mutex
	core conn.Stats
}

// touched notes that the statistics of a peer have changed.
func (t *Transport) touched(c *conn.Peer) {
	if p := t.peerOf(c); !p.stale {
		p.stale = true
		t.loop.stale = append(t.loop.stale, p)
	}
}

// publish makes the counters visible to other goroutines: those of the transport in
// each turn, those of peers at most once in publishEvery and, unless all is true, at
// most one peer for each publishCost that has passed.
func (t *Transport) publish(now pipeline.Time, all bool) {
	t.publishCounts()
	since := now - t.loop.lastPublish
	if !all && since < pipeline.Time(publishEvery) {
		return
	}
	n := len(t.loop.stale)
	if !all {
		n = min(n, int(since/pipeline.Time(publishCost)))
	}
	t.loop.lastPublish = now
	for _, p := range t.loop.stale[:n] {
		p.stale = false
		t.copyStats(p)
	}
	rest := copy(t.loop.stale, t.loop.stale[n:])
	clear(t.loop.stale[rest:])
	t.loop.stale = t.loop.stale[:rest]
}

// publishCounts makes the counters of the transport visible.
func (t *Transport) publishCounts() {
	t.core.Inbound().Publish()
	t.core.Outbound().Publish()
	// Other goroutines hold this lock only to copy. Skipping the update while it is
	// held would leave old counters in a transport that becomes idle now.
	core := t.core.Stats()
	t.published.mu.Lock()
	t.published.core = core
	t.published.mu.Unlock()
}

// copyStats publishes the counters of one peer.
func (t *Transport) copyStats(p *Peer) {
	if a := p.core.Addr(); a.IsValid() && a != p.Addr() {
		moved := a // a copy, so that a itself stays off the heap
		p.remote.Store(&moved)
	}
	if n := p.core.MaxDatagram(); n > 0 {
		p.maxDatagram.Store(int32(n))
	}
	p.session.Store(p.core.Session())
	s := t.core.PeerStats(p.core)
	drops := p.core.PeerDrops()
	p.lock.Lock()
	defer p.lock.Unlock()
	p.stats = s
	if len(drops) > 0 {
		if p.dropRows == nil {
			p.dropRows = new([]uint64)
		}
		*p.dropRows = append((*p.dropRows)[:0], drops...)
	}
}
