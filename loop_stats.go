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
	p.storeSizes()
	p.session.Store(p.core.Session())
	s := t.core.PeerStats(p.core)
	flight, drops := t.core.PeerFlight(p.core), p.core.PeerDrops()
	clock := t.core.PeerClock(p.core, t.loop.batchNow)
	p.lock.Lock()
	defer p.lock.Unlock()
	p.stats = s
	if p.rare == nil && (len(drops) > 0 || clock.Known || flight != conn.Flight{}) {
		p.rare = new(rareStats)
	}
	if p.rare != nil {
		p.rare.flight, p.rare.clock, p.rare.drops = flight, clock, append(p.rare.drops[:0], drops...)
	}
}

// rareStats are statistics that most peers do not have.
type rareStats struct {
	flight conn.Flight
	clock  conn.Clock
	asked  pipeline.Time // when the clock was asked for
	drops  []uint64      // by row
}

// storeSizes publishes the size of the datagrams that a message must fit to be sent whole
// and that of the largest message in fragments, which stay those of the last session, and
// the size of the datagrams that are sent at present, as parts of one number: peers are
// many.
func (p *Peer) storeSizes() {
	accepted, _, fragments := p.datagramSizes()
	if n := p.core.MaxDatagram(); n > 0 {
		accepted, fragments = n, p.core.MaxMessage()
	}
	p.sizes.Store(uint64(fragments)<<32 | uint64(accepted)<<16 | uint64(p.core.DatagramSize()))
}

// datagramSizes returns what storeSizes has published.
func (p *Peer) datagramSizes() (accepted, sent, fragments int) {
	v := p.sizes.Load()
	return int(v >> 16 & 0xffff), int(v & 0xffff), int(v >> 32)
}
