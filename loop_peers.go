package intentra

import (
	"github.com/intentra/intentra/conn"
)

// peerOf returns the Peer of a peer of the core, and creates it on the first call.
func (t *Transport) peerOf(c *conn.Peer) *Peer {
	if p, ok := c.User.(*Peer); ok {
		return p
	}
	p := &Peer{t: t, core: c}
	c.User = p
	t.known.Add(p)
	if p.Identity() == t.public {
		t.table.Lock()
		t.peers[p.Key()] = p
		t.table.Unlock()
	}
	return p
}

// forget removes a peer that the core has forgotten.
func (t *Transport) forget(p *Peer) {
	p.end(p.reason)
	p.receiveQueue().Retire()
	t.known.Remove(p)
	t.table.Lock()
	if t.peers[p.Key()] == p {
		delete(t.peers, p.Key())
	}
	t.table.Unlock()
	t.copyStats(p)
	f, _ := p.core.QueueFlow()
	t.sendDrops.superseded.Add(f.Superseded)
	t.sendDrops.displaced.Add(f.Displaced)
	t.sendDrops.expired.Add(f.Expired)
}

// allPeers returns the known peers in the order in which they became known. The
// slice is shared and must not be changed. Any goroutine may call it.
func (t *Transport) allPeers() []*Peer { return t.known.Snapshot() }

// endPeers disconnects all peers after the loop has ended.
func (t *Transport) endPeers() {
	t.gone.Store(true)
	for _, p := range t.allPeers() {
		p.life.setUp(false)
		t.sendDrops.closed.Add(uint64(p.core.CloseQueue()))
		t.core.MarkReady(p.core) // the core learns of the messages with a token
		p.closeDone()
		p.answerWaiters(errClosed)
	}
	t.connected.Clear()
	if !t.killed {
		t.handleDeliveries()
	}
}
