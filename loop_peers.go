package intentra

import (
	"github.com/intentra/intentra/conn"
)

// peerOf returns the Peer of a core peer, and makes it if need be. Only the
// loop calls it.
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
}

// allPeers lists the peers that are known, in the order in which they became
// so. The list is not to be changed.
func (t *Transport) allPeers() []*Peer { return t.known.Snapshot() }

// endPeers marks all peers as gone when the loop has ended.
func (t *Transport) endPeers() {
	for _, p := range t.allPeers() {
		p.up.Store(false)
		t.sendDrops.closed.Add(uint64(p.core.CloseQueue()))
		p.answerWaiters(errClosed)
	}
	t.connected.Clear()
}
