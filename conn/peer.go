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

// Peer is an identity, a static key, as one identity of ours knows it, with
// what outlives its sessions. It belongs to the endpoint's goroutine, but for the
// methods that say otherwise: Identity and those of its send queue.
type Peer struct {
	// User is the driver's own.
	User any

	queue     *sendq.Queue // of messages to send
	session   *session
	id        pipeline.ID
	forgotten bool
	changed   bool // stats have, since PeerStats
	stats     PeerStats

	// Key is the peer's static public key.
	Key    [KeySize]byte
	static *noise.Static // who we are to this peer
	dial   *dial         // set while we keep this peer connected
	linger linger

	answerAt  pipeline.Time // of its rekeys; none is before
	strikes   *strikes      // nil until the first
	takeovers *strikes      // nil until the first
	drops     *[]uint64     // by row of the inbound chain; nil until the first
}

// peerKey is what the endpoint tells peers apart by: under two identities of
// ours the same key is two peers.
type peerKey struct{ local, remote [KeySize]byte }

func (p *Peer) mapKey() peerKey { return peerKey{p.static.Public(), p.Key} }

// Number numbers the peers of an endpoint with a Config.Journal from zero, in the
// order of their making, those included that have been forgotten.
func (p *Peer) Number() uint64 { return p.queue.Peer() }

// Identity returns our public key towards the peer. It may be called from any
// goroutine.
func (p *Peer) Identity() [KeySize]byte { return p.static.Public() }

// weAreLower compares the two static keys, which both sides know, so that both
// come to the same decision.
func (p *Peer) weAreLower() bool {
	own := p.static.Public()
	return string(own[:]) < string(p.Key[:])
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
	if state, reliable := p.queue.Len(); state+reliable > 0 && (p.session != nil || p.dial != nil) {
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

// PeerStats returns a copy of the peer's counters. Config.Touched is told of
// changes that come after it.
func (e *Endpoint) PeerStats(p *Peer) PeerStats {
	p.changed = false
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
func (p *Peer) PeerDrops() []uint64 {
	if p.drops == nil {
		return nil
	}
	return *p.drops
}

func (p *Peer) countDrop(row int) {
	if p.drops == nil {
		p.drops = new([]uint64)
	}
	if n := len(*p.drops); row >= n {
		*p.drops = append(*p.drops, make([]uint64, row+1-n)...)
	}
	(*p.drops)[row]++
}

// peerFor is peerAs for a peer that has come to us: all that come know the
// endpoint by its own identity.
func (e *Endpoint) peerFor(key [KeySize]byte, now pipeline.Time) *Peer {
	return e.peerAs(e.cfg.Identity.static, key, now)
}

// peerAs returns the peer with the key that knows us by the given identity, and
// makes it if need be. At the cap the peer that has been without a session for
// longest makes room; if all have one, peerAs returns nil.
func (e *Endpoint) peerAs(static *noise.Static, key [KeySize]byte, now pipeline.Time) *Peer {
	if p := e.peers[peerKey{static.Public(), key}]; p != nil {
		e.lingering.remove(p)
		return p
	}
	if len(e.peers) >= e.cfg.MaxPeers && !e.evictPeer() {
		return nil
	}
	id, ok := e.peerIDs.take(1)
	if !ok {
		return nil
	}
	p := &Peer{Key: key, static: static, id: id, queue: sendq.New(e.queueLimits())}
	if j := &e.cfg.Journal; j.Step != nil || j.Pushed != nil {
		p.queue.Watch(queueWatcher{p, j}, e.peersMade)
	}
	e.peersMade++
	e.peers[p.mapKey()] = p
	*e.byID.Open(id) = p
	n := pipeline.PeerNotice{Peer: id}
	e.in.OpenPeer(n)
	e.out.OpenPeer(n)
	e.lingerPeer(p, now)
	return p
}

func (e *Endpoint) forget(p *Peer) {
	if p.session != nil || p.dial != nil || p.forgotten {
		return
	}
	p.forgotten = true
	e.lingering.remove(p)
	e.stats.Abandoned += uint64(p.queue.Close())
	n := pipeline.PeerNotice{Peer: p.id}
	e.in.ClosePeer(n)
	e.out.ClosePeer(n)
	e.byID.Close(p.id)
	e.peerIDs.give(p.id)
	delete(e.peers, p.mapKey())
	e.emit(Event{Kind: PeerForgotten, Peer: p})
}

// Peer returns the peer with the key that knows us by the endpoint's own
// identity, or nil.
func (e *Endpoint) Peer(key [KeySize]byte) *Peer { return e.PeerAs(e.cfg.Identity.Public(), key) }

// PeerAs returns the peer with the key that knows us by the given identity, or
// nil.
func (e *Endpoint) PeerAs(local, key [KeySize]byte) *Peer { return e.peers[peerKey{local, key}] }

// sortedPeers lists the peers by both keys, so that nothing depends on map order.
func (e *Endpoint) sortedPeers() []*Peer {
	all := make([]*Peer, 0, len(e.peers))
	for _, p := range e.peers {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *Peer) int {
		if c := bytes.Compare(a.Key[:], b.Key[:]); c != 0 {
			return c
		}
		own, other := a.Identity(), b.Identity()
		return bytes.Compare(own[:], other[:])
	})
	return all
}

// MarkReady tells the endpoint that the peer's queue has something to send.
func (e *Endpoint) MarkReady(p *Peer) {
	if p.session != nil {
		e.touchQueue(p.session)
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
		p.queue.SetHolding(false)
		e.emit(Event{Kind: DialEnded, Peer: p, Reason: reason, Err: ErrClosed})
	}
	if p.session != nil {
		e.markClosing(p.session, reason, true)
		e.closeMarked(now)
		return
	}
	e.stats.Abandoned += uint64(p.queue.SetOnline(false))
	e.lingerPeer(p, now)
}

// Revoke ends the session of a peer that has come to us, and any handshake
// under way is judged anew by Authorize. A peer that we dial stays, whichever
// side has opened the session.
func (e *Endpoint) Revoke(key [KeySize]byte, now pipeline.Time) {
	e.generation++
	if p := e.Peer(key); p != nil && p.session != nil && !p.session.dialer && p.dial == nil {
		e.markClosing(p.session, wire.CloseRevoked, true)
		e.closeMarked(now)
	}
}
