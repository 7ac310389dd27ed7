package conn

import "github.com/intentra/intentra/pipeline"

// lingering lists the peers that have neither session nor dial, in the order in
// which they will be forgotten. All stay for the same time, so whoever joins
// goes to the end, and one timer, for the first, serves all.
type lingering struct {
	first, last *Peer
	timer       timer
}

// linger is a peer's place in the list.
type linger struct {
	until      pipeline.Time // zero: not in the list
	prev, next *Peer
}

// lingerPeer keeps a peer that has neither session nor dial for the idle
// time-out: whoever comes back meets the strikes and the bucket that he left.
func (e *Endpoint) lingerPeer(p *Peer, now pipeline.Time) {
	if p.session == nil && p.dial == nil && p.linger.until == 0 {
		e.lingering.add(p, later(now, e.cfg.IdleTimeout))
		e.timers.arm(&e.lingering.timer, e.lingering.first.linger.until)
	}
}

// evictPeer forgets the peer that is next to be forgotten anyway.
func (e *Endpoint) evictPeer() bool {
	victim := e.lingering.first
	if victim == nil {
		return false
	}
	e.forget(victim)
	return true
}

// timeout forgets those whose time is over. The timer is lazy: the peer that it
// was set for may be gone from the list.
func (l *lingering) timeout(e *Endpoint, now pipeline.Time) {
	for p := l.first; p != nil && p.linger.until <= now; p = l.first {
		l.remove(p)
		e.forget(p)
	}
	if l.first != nil {
		e.timers.arm(&l.timer, l.first.linger.until)
	}
}

func (l *lingering) add(p *Peer, until pipeline.Time) {
	p.linger = linger{until: until, prev: l.last}
	if l.last == nil {
		l.first = p
	} else {
		l.last.linger.next = p
	}
	l.last = p
}

// remove takes a peer out, if it is in.
func (l *lingering) remove(p *Peer) {
	at := p.linger
	if at.until == 0 {
		return
	}
	p.linger = linger{}
	if at.prev == nil {
		l.first = at.next
	} else {
		at.prev.linger.next = at.next
	}
	if at.next == nil {
		l.last = at.prev
	} else {
		at.next.linger.prev = at.prev
	}
}
