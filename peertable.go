package intentra

import (
	"fmt"
	"log/slog"

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
	t.known.add(p)
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
	t.known.remove(p)
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
func (t *Transport) allPeers() []*Peer { return t.known.snapshot() }

func (t *Transport) peerUp(p *Peer) {
	addr := p.core.Addr()
	p.remote.Store(&addr)
	p.maxDatagram.Store(int32(p.core.MaxDatagram()))
	if !p.up.Swap(true) {
		t.connected.add(p)
	}
	t.copyStats(p)
	p.answerWaiters(nil)
	if q := p.received.Load(); q != nil {
		q.Reopen()
	}
	t.logger(p).Info("peer up", "addr", addr.String())
	t.notify(PeerEvent{Peer: p, Up: true})
}

func (t *Transport) peerDown(p *Peer, ev conn.Event) {
	if p.core.Connected() {
		// It has come back within one turn of the loop; what follows in the
		// list of events says so.
		t.logger(p).Debug("peer down and up again")
	}
	p.up.Store(false)
	t.connected.remove(p)
	t.copyStats(p)
	t.logger(p).Info("peer down", "reason", ev.Reason.String(), "reconnecting", p.core.Dialled())
	t.notify(PeerEvent{Peer: p, Reason: ev.Reason, Reconnecting: p.core.Dialled()})
}

// dialEnded tells those who wait in Dial, or the user if none does.
func (t *Transport) dialEnded(p *Peer, ev conn.Event) {
	err := ev.Err
	if ev.Err == conn.ErrClosed {
		err = fmt.Errorf("intentra: the connection was ended (%s): %w", ev.Reason, errClosed)
	}
	if !p.core.Connected() {
		p.receiveQueue().End()
	}
	if p.answerWaiters(err) || ev.Reason == 0 {
		return
	}
	t.logger(p).Info("not dialling the peer any more", "reason", ev.Reason.String(), "err", ev.Err)
}

// logger says which peer a line is about, and, where that is not our own, under
// which identity of ours.
func (t *Transport) logger(p *Peer) *slog.Logger {
	log := t.cfg.Logger.With("peer", p.Key().String())
	if own := p.Identity(); own != t.public {
		log = log.With("identity", own.String())
	}
	return log
}

// endPeers marks all peers as gone when the loop has ended.
func (t *Transport) endPeers() {
	for _, p := range t.allPeers() {
		p.up.Store(false)
		t.sendDrops.closed.Add(uint64(p.core.CloseQueue()))
		p.answerWaiters(errClosed)
	}
	t.connected.clear()
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
