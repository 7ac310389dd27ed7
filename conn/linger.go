package conn

import (
	"github.com/intentra/intentra/internal/list"
	"github.com/intentra/intentra/pipeline"
)

// lingering lists the peers that have neither session nor dial, in the order in
// which they will be forgotten. All stay for the same time, so a new one goes to the
// end, and one timer serves all of them.
type lingering struct {
	peers list.List[*Peer]
	timer timer
}

// linger is a peer's place in the list.
type linger struct {
	until pipeline.Time     // zero: not in the list
	place *list.Node[*Peer] // apart, to save memory in peers that are connected
}

// lingerPeer keeps a peer that has neither session nor dial for Config.ForgetAfter.
// A returning peer keeps its strikes and its token bucket.
func (e *Endpoint) lingerPeer(p *Peer, now pipeline.Time) {
	if p.session == nil && p.dial == nil && p.linger.until == 0 {
		e.lingering.add(p, later(now, e.cfg.ForgetAfter))
		e.timers.arm(&e.lingering.timer, e.lingering.first().linger.until)
	}
}

// evictPeer forgets the peer that would be forgotten next, and reports whether it
// found one.
func (e *Endpoint) evictPeer() bool {
	victim := e.lingering.first()
	if victim == nil {
		return false
	}
	e.forget(victim)
	return true
}

// timeout forgets the peers whose time is over. The timer is lazy: the peer that it
// was set for may have left the list.
func (l *lingering) timeout(e *Endpoint, now pipeline.Time) {
	for p := l.first(); p != nil && p.linger.until <= now; p = l.first() {
		l.remove(p)
		e.forget(p)
	}
	if p := l.first(); p != nil {
		e.timers.arm(&l.timer, p.linger.until)
	}
}

func (l *lingering) add(p *Peer, until pipeline.Time) {
	p.linger = linger{until, &list.Node[*Peer]{Value: p}}
	l.peers.PushBack(p.linger.place)
}

// remove removes a peer if it is in the list.
func (l *lingering) remove(p *Peer) {
	if p.linger.place != nil {
		l.peers.Remove(p.linger.place)
		p.linger = linger{}
	}
}

// first returns the peer that is forgotten next, or nil.
func (l *lingering) first() *Peer {
	if n := l.peers.Front(); n != nil {
		return n.Value
	}
	return nil
}
