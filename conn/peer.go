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

// Peer is a pair of static keys, ours and the peer's, with the state that outlives
// its sessions. Its methods and fields belong to the endpoint's goroutine, except for
// Identity and the methods of its send queue, which any goroutine may call.
type Peer struct {
	// The queue of messages to send comes first: a push needs nothing else of a Peer.
	queue sendq.Queue
	// User is for the driver's own use.
	User any

	session   *session
	sessions  uint64 // confirmed so far
	instance  uint64 // of the latest one
	id        pipeline.ID
	forgotten bool
	holds     uint32 // see Flight.Holds
	changed   bool   // Config.Touched was called, and PeerStats was not since
	stats     PeerStats

	// Key is the peer's static public key.
	Key    [KeySize]byte
	static *noise.Static // our identity towards the peer
	dial   *dial         // set while this side keeps the peer connected
	linger linger

	answerAt pipeline.Time // the peer's rekeys are not answered before
	faults   *faults       // nil until the first
}

// faults are what most peers do not have.
type faults struct {
	strikes, takeovers strikes
	drops              []uint64 // by row of the inbound chain
}

// fault returns the faults of p, and makes them if p has none.
func (p *Peer) fault() *faults {
	if p.faults == nil {
		p.faults = new(faults)
	}
	return p.faults
}

// peerKey identifies a peer: the same remote key under two identities of ours is two
// peers.
type peerKey struct{ local, remote [KeySize]byte }

func (p *Peer) mapKey() peerKey { return peerKey{p.static.Public(), p.Key} }

// Number returns the peer's number if the endpoint has a Config.Journal with Step or
// Pushed, else zero. Peers are numbered from zero as they are made; forgotten ones
// keep their numbers. It may be called from any goroutine.
func (p *Peer) Number() uint64 { return p.checked().queue.Peer() }

// Identity returns our public key towards the peer. It may be called from any
// goroutine.
func (p *Peer) Identity() [KeySize]byte { return p.checked().static.Public() }

// weAreLower reports whether our static key is the lower one. Both sides know both
// keys, so they reach the same decision.
func (p *Peer) weAreLower() bool {
	own := p.static.Public()
	return string(own[:]) < string(p.Key[:])
}

// Session returns the number of the peer's latest session, zero before the first; see
// [Event].
func (p *Peer) Session() uint64 { return p.checked().sessions }

// Connected reports whether the peer has a session.
func (p *Peer) Connected() bool { return p.checked().session != nil }

// Addr returns the address that packets to the peer are sent to, or the zero AddrPort
// if it is not connected.
func (p *Peer) Addr() netip.AddrPort {
	p.checked()
	if p.session == nil {
		return netip.AddrPort{}
	}
	return p.session.remote
}

// Local returns the local address that packets to the peer are sent from, or the zero
// Addr if it is not connected, or the system chooses the address.
func (p *Peer) Local() netip.Addr {
	p.checked()
	if p.session == nil {
		return netip.Addr{}
	}
	return p.session.localAddr()
}

// Dialled reports whether the endpoint keeps the peer connected by dialling it.
func (p *Peer) Dialled() bool { return p.checked().dial != nil }

// MaxDatagram returns the size in bytes of the datagrams that a message must fit to be
// accepted for the peer, or zero if it is not connected. It is not more than the base
// size of an IPv4 path, so that a message remains sendable whichever path the peer
// moves to; see [Peer.DatagramSize] for what is sent.
func (p *Peer) MaxDatagram() int {
	p.checked()
	if p.session == nil {
		return 0
	}
	return min(int(p.session.maxDatagram), AcceptedDatagram)
}

// MaxMessage returns the size in bytes of the largest message that is sent to the peer in
// fragments, or zero if it is not connected or does not understand them.
func (p *Peer) MaxMessage() int {
	p.checked()
	if p.session == nil {
		return 0
	}
	return int(p.session.maxMessage)
}

// Settled reports whether no message is queued for the peer, and everything that was
// sent is acknowledged or lost.
func (e *Endpoint) Settled(p *Peer) bool {
	e.checked()
	p.checked()
	if e.log.Pending() || p.queue.Reading() {
		return false
	}
	if state, reliable := p.queue.Len(); state+reliable > 0 && (p.session != nil || p.dial != nil) {
		return false
	}
	s := p.session
	if s == nil {
		return true
	}
	if s.lane.inFlight() > 0 || s.outbox != nil && !s.outbox.empty() {
		return false
	}
	for _, ep := range s.epochs() {
		if t := e.tracker(s, ep.id); t != nil && t.Outstanding() {
			return false
		}
	}
	return true
}

// PeerStats returns a copy of the peer's counters. The next change calls
// Config.Touched.
func (e *Endpoint) PeerStats(p *Peer) PeerStats {
	e.checked()
	p.checked()
	p.changed = false
	s := p.stats
	if p.session != nil {
		rtt := e.set.Ack.RTT(p.session.id)
		s.RTT, s.RTTVar, s.RTTMin = rtt.Smoothed, rtt.Variation, rtt.Min
	}
	return s
}

// PeerDrops returns how many packets and messages that claim to be from the peer were
// dropped, by row of Inbound().Counts().Drops, or nil without drops. The slice
// belongs to the endpoint and changes with it.
func (p *Peer) PeerDrops() []uint64 {
	p.checked()
	if p.faults == nil {
		return nil
	}
	return p.faults.drops
}

func (p *Peer) countDrop(row int) {
	f := p.fault()
	if n := len(f.drops); row >= n {
		f.drops = append(f.drops, make([]uint64, row+1-n)...)
	}
	f.drops[row]++
}

// peerFor is peerAs for a peer that has dialled this side, which it knows by the
// endpoint's own identity.
func (e *Endpoint) peerFor(key [KeySize]byte, now pipeline.Time) *Peer {
	return e.peerAs(e.cfg.Identity.static, key, now)
}

// peerAs returns the peer with the key under the given identity, and makes it if it
// does not exist. At MaxPeers it first forgets the peer that has been without session
// and dial for longest; if every peer has one of them it returns nil.
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
	p := &Peer{Key: key, static: static, id: id}
	p.queue.Init(e.queueLimits(), e.log)
	p.queue.Owner = p
	p.queue.Share(e.queues)
	if j := &e.cfg.Journal; j.Step != nil || j.Pushed != nil || j.Displaced != nil {
		p.queue.Watch(queueWatcher{p, j}, e.peersMade)
	}
	e.peersMade++
	e.peers[p.mapKey()] = p
	*e.byID.Open(id) = p
	n := pipeline.PeerNotice{Peer: id, Key: key}
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
	e.attend(p)
	e.stopExpiry(p)
	n := pipeline.PeerNotice{Peer: p.id, Key: p.Key}
	e.in.ClosePeer(n)
	e.out.ClosePeer(n)
	e.byID.Close(p.id)
	e.peerIDs.give(p.id)
	delete(e.peers, p.mapKey())
	e.emit(Event{Kind: PeerForgotten, Peer: p})
}

// Peer returns the peer with the key that knows us by the endpoint's own
// identity, or nil.
func (e *Endpoint) Peer(key [KeySize]byte) *Peer {
	return e.checked().PeerAs(e.cfg.Identity.Public(), key)
}

// PeerAs returns the peer with the key that knows us by the given identity, or
// nil.
func (e *Endpoint) PeerAs(local, key [KeySize]byte) *Peer {
	return e.checked().peers[peerKey{local, key}]
}

// sortedPeers returns the peers sorted by both keys, so that nothing depends on the
// order of the map.
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

// MarkReady notes that the peer's queue has messages to send, or has dropped some with a
// token. The driver calls it when a push returned wake.
func (e *Endpoint) MarkReady(p *Peer) {
	e.checked()
	p.checked()
	if p.session != nil {
		e.touchQueue(p.session)
	}
	e.attend(p)
}

// ClosePeer ends the peer's session for the reason, sends it a Close frame and stops
// dialling it. Queued messages are dropped.
func (e *Endpoint) ClosePeer(p *Peer, reason wire.CloseReason, now pipeline.Time) {
	e.checked()
	p.checked()
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
	e.attend(p)
	e.lingerPeer(p, now)
}

// Revoke ends the session that the peer with the key opened, and has Authorize called
// again for handshakes that are under way. A peer that this side dials stays,
// whichever side opened the session.
func (e *Endpoint) Revoke(key [KeySize]byte, now pipeline.Time) {
	e.checked()
	e.generation++
	if p := e.Peer(key); p != nil && p.session != nil && !p.session.dialer && p.dial == nil {
		e.markClosing(p.session, wire.CloseRevoked, true)
		e.closeMarked(now)
	}
}
