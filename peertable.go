package intentra

import (
	"fmt"

	"github.com/intentra/intentra/conn"
)

// peerOf returns the Peer of a core peer, and makes it if need be. Only the
// loop calls it.
func (t *Transport) peerOf(c *conn.Peer) *Peer {
	if p, ok := c.User.(*Peer); ok {
		return p
	}
	p := &Peer{t: t, key: c.Key, core: c}
	p.stats.Key = p.key
	c.User = p
	t.table.Lock()
	t.peers[p.key] = p
	t.table.Unlock()
	return p
}

// forget removes a peer that the core has forgotten.
func (t *Transport) forget(p *Peer) {
	t.mail.setEnded(p, true)
	t.table.Lock()
	if t.peers[p.key] == p {
		delete(t.peers, p.key)
	}
	t.table.Unlock()
	t.copyStats(p)
	superseded, displaced := p.core.Queue.Drops()
	t.sendDrops.superseded.Add(superseded)
	t.sendDrops.displaced.Add(displaced)
}

func (t *Transport) allPeers() []*Peer {
	t.table.RLock()
	defer t.table.RUnlock()
	all := make([]*Peer, 0, len(t.peers))
	for _, p := range t.peers {
		all = append(all, p)
	}
	return all
}

func (t *Transport) peerUp(p *Peer) {
	addr := p.core.Addr()
	p.remote.Store(&addr)
	p.maxDatagram.Store(int64(p.core.MaxDatagram()))
	if !p.up.Swap(true) {
		list := append(t.Peers(), p)
		t.connected.Store(&list)
	}
	t.copyStats(p)
	p.answerWaiters(nil)
	t.mail.setEnded(p, false)
	t.cfg.Logger.Info("peer up", "peer", p.key.String(), "addr", addr.String())
	t.notify(PeerEvent{Peer: p, Up: true})
}

func (t *Transport) peerDown(p *Peer, ev conn.Event) {
	if p.core.Connected() {
		// It has come back within one turn of the loop; what follows in the
		// list of events says so.
		t.cfg.Logger.Debug("peer down and up again", "peer", p.key.String())
	}
	p.up.Store(false)
	old := *t.connected.Load()
	list := make([]*Peer, 0, len(old))
	for _, other := range old {
		if other != p {
			list = append(list, other)
		}
	}
	t.connected.Store(&list)
	t.copyStats(p)
	t.cfg.Logger.Info("peer down", "peer", p.key.String(), "reason", ev.Reason.String(), "reconnecting", p.core.Dialled())
	t.notify(PeerEvent{Peer: p, Reason: ev.Reason, Reconnecting: p.core.Dialled()})
}

// dialEnded tells those who wait in Dial, or the user if none does.
func (t *Transport) dialEnded(p *Peer, ev conn.Event) {
	err := ev.Err
	if ev.Err == conn.ErrClosed {
		err = fmt.Errorf("intentra: the connection was ended (%s): %w", ev.Reason, errClosed)
	}
	if !p.core.Connected() {
		t.mail.setEnded(p, true)
	}
	if p.answerWaiters(err) || ev.Reason == 0 {
		return
	}
	t.cfg.Logger.Info("not dialling the peer any more", "peer", p.key.String(), "reason", ev.Reason.String(), "err", ev.Err)
}

// endPeers marks all peers as gone when the loop has ended.
func (t *Transport) endPeers() {
	for _, p := range t.allPeers() {
		p.up.Store(false)
		t.sendDrops.closed.Add(uint64(p.core.Queue.Close()))
		p.answerWaiters(errClosed)
	}
	t.connected.Store(new([]*Peer))
}

// notify calls OnPeer. A panic there must not end the loop.
func (t *Transport) notify(ev PeerEvent) {
	if t.cfg.OnPeer == nil {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			t.panics.Add(1)
			t.cfg.Logger.Error("panic in OnPeer", "panic", r)
		}
	}()
	t.cfg.OnPeer(ev)
}
