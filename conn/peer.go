package conn

import (
	"bytes"
	"net/netip"
	"slices"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/internal/sendq"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Peer is an identity: a static key with what outlives its sessions. All but
// Queue belongs to the endpoint's goroutine.
type Peer struct {
	// Key is the peer's static public key.
	Key [noise.KeySize]byte
	// Queue holds what waits to be sent. It may be used from any goroutine;
	// when a Push says wake, the driver calls MarkReady.
	Queue *sendq.Queue
	// User is the driver's own.
	User any

	id      pipeline.ID
	session *session
	dial    *dial // set while we keep this peer connected
	strikes strikes
	stats   PeerStats
	drops   []uint64 // by row of the inbound chain; nil until the first

	takeovers []pipeline.Time
	timer     timer // when a peer without a session is forgotten
	forgotten bool
}

// Connected reports whether the peer has a session.
func (p *Peer) Connected() bool { return p.session != nil }

// Addr returns the address that packets to the peer go to, the zero AddrPort
// if it is not connected.
func (p *Peer) Addr() netip.AddrPort {
	if p.session == nil {
		return netip.AddrPort{}
	}
	return p.session.remote
}

// Dialled reports whether the endpoint keeps the peer connected by dialling.
func (p *Peer) Dialled() bool { return p.dial != nil }

// MaxDatagram returns the size of the largest datagram that the peer takes,
// zero if it is not connected.
func (p *Peer) MaxDatagram() int {
	if p.session == nil {
		return 0
	}
	return p.session.maxDatagram
}

// Settled reports whether nothing waits to be sent to the peer, and the fate of
// all that was sent is as good as known.
func (e *Endpoint) Settled(p *Peer) bool {
	if state, reliable := p.Queue.Peek(); state+reliable > 0 && (p.session != nil || p.dial != nil) {
		return false
	}
	s := p.session
	if s == nil {
		return true
	}
	if s.lane.inFlight() > 0 {
		return false
	}
	for _, ep := range s.epochs() {
		if t := e.tracker(s, ep.id); t != nil && t.Outstanding() {
			return false
		}
	}
	return true
}

// PeerStats returns a copy of the peer's counters.
func (e *Endpoint) PeerStats(p *Peer) PeerStats {
	s := p.stats
	if p.session != nil {
		rtt := e.set.Ack.RTT(p.session.id)
		s.RTT, s.RTTVar, s.RTTMin = rtt.Smoothed, rtt.Variation, rtt.Min
	}
	return s
}

// PeerDrops returns the drops of packets and messages that claimed to be from
// the peer, by row of Inbound().Counts().Drops, or nil if there were none. The
// slice is the endpoint's.
func (p *Peer) PeerDrops() []uint64 { return p.drops }

func (p *Peer) countDrop(row int) {
	if row >= len(p.drops) {
		p.drops = append(p.drops, make([]uint64, row+1-len(p.drops))...)
	}
	p.drops[row]++
}

// peerFor returns the peer with the key, and makes it if need be. At the cap
// the peer that has been without a session for longest makes room; if all have
// one, peerFor returns nil.
func (e *Endpoint) peerFor(key [noise.KeySize]byte, now pipeline.Time) *Peer {
	if p := e.peers[key]; p != nil {
		e.timers.stop(&p.timer)
		return p
	}
	if len(e.peers) >= e.cfg.MaxPeers && !e.evictPeer() {
		return nil
	}
	id, ok := e.peerIDs.take(1)
	if !ok {
		return nil
	}
	p := &Peer{Key: key, id: id, Queue: sendq.New(e.cfg.Queue)}
	p.timer.owner = p
	e.peers[key] = p
	*e.byID.Open(id) = p
	n := pipeline.PeerNotice{Peer: id}
	e.in.OpenPeer(n)
	e.out.OpenPeer(n)
	e.lingerPeer(p, now)
	return p
}

// lingerPeer keeps a peer that has neither session nor dial for the idle
// time-out: whoever comes back meets the strikes and the bucket that he left.
func (e *Endpoint) lingerPeer(p *Peer, now pipeline.Time) {
	if p.session == nil && p.dial == nil {
		e.timers.arm(&p.timer, later(now, e.cfg.IdleTimeout))
	}
}

func (p *Peer) timeout(e *Endpoint, _ pipeline.Time) { e.forget(p) }

// evictPeer forgets the peer that is next to be forgotten anyway.
func (e *Endpoint) evictPeer() bool {
	var victim *Peer
	for _, t := range e.timers {
		if p, ok := t.owner.(*Peer); ok && (victim == nil || p.timer.at < victim.timer.at) {
			victim = p
		}
	}
	if victim == nil {
		return false
	}
	e.forget(victim)
	return true
}

func (e *Endpoint) forget(p *Peer) {
	if p.session != nil || p.dial != nil || p.forgotten {
		return
	}
	p.forgotten = true
	e.timers.stop(&p.timer)
	e.stats.Abandoned += uint64(p.Queue.Close())
	n := pipeline.PeerNotice{Peer: p.id}
	e.in.ClosePeer(n)
	e.out.ClosePeer(n)
	e.byID.Close(p.id)
	e.peerIDs.give(p.id)
	delete(e.peers, p.Key)
	e.emit(Event{Kind: PeerForgotten, Peer: p})
}

// Peer returns the peer with the key, or nil.
func (e *Endpoint) Peer(key [noise.KeySize]byte) *Peer { return e.peers[key] }

// sortedPeers lists the peers by key, so that nothing depends on map order.
func (e *Endpoint) sortedPeers() []*Peer {
	all := make([]*Peer, 0, len(e.peers))
	for _, p := range e.peers {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *Peer) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	return all
}

// MarkReady tells the endpoint that the peer's queue has something to send.
func (e *Endpoint) MarkReady(p *Peer) {
	if p.session != nil {
		e.touch(p.session)
	}
}

// ClosePeer ends the peer's session and stops dialling it.
func (e *Endpoint) ClosePeer(p *Peer, reason wire.CloseReason, now pipeline.Time) {
	if p.forgotten {
		return
	}
	if d := p.dial; d != nil {
		e.stopDial(d)
		p.dial = nil
		p.Queue.SetHolding(false)
		e.emit(Event{Kind: DialEnded, Peer: p, Reason: reason, Err: ErrClosed})
	}
	if p.session != nil {
		e.markClosing(p.session, reason, true)
		e.closeMarked(now)
		return
	}
	e.stats.Abandoned += uint64(p.Queue.SetOnline(false))
	e.lingerPeer(p, now)
}

// Revoke ends the session with a key, and any handshake under way is judged
// anew by Authorize.
func (e *Endpoint) Revoke(key [noise.KeySize]byte, now pipeline.Time) {
	e.generation++
	if p := e.peers[key]; p != nil && p.session != nil && !p.session.dialer {
		e.markClosing(p.session, wire.CloseRevoked, true)
		e.closeMarked(now)
	}
}
