package intentra

import (
	"sync"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
)

// published is the loop's counters as others see them.
type published struct {
	mu   sync.Mutex
	core conn.Stats
}

// touched notes that a peer's statistics have changed.
func (t *Transport) touched(c *conn.Peer) {
	if p := t.peerOf(c); !p.stale {
		p.stale = true
		t.loop.stale = append(t.loop.stale, p)
	}
}

// publish lets others see the counters: the transport's each turn, the peers'
// at most every publishEvery, and at most one in publishCost.
func (t *Transport) publish(now pipeline.Time, all bool) {
	t.core.Inbound().Publish()
	t.core.Outbound().Publish()
	// Whoever else holds this lock only copies. Passing it over would leave a
	// transport that falls idle now with old counters for as long.
	core := t.core.Stats()
	t.published.mu.Lock()
	t.published.core = core
	t.published.mu.Unlock()
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

// copyStats publishes one peer's counters. Only the loop calls it.
func (t *Transport) copyStats(p *Peer) {
	if a := p.core.Addr(); a.IsValid() && a != p.Addr() {
		moved := a // on the heap, where a need not be
		p.remote.Store(&moved)
	}
	if n := p.core.MaxDatagram(); n > 0 {
		p.maxDatagram.Store(int32(n))
	}
	s := t.core.PeerStats(p.core)
	drops := p.core.PeerDrops()
	p.statsLock.Lock()
	defer p.statsLock.Unlock()
	p.stats = s
	p.dropRows = append(p.dropRows[:0], drops...)
}
