package conn

import (
	"time"

	"github.com/intentra/intentra/internal/pmtu"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// armSession sets the session's timer to the earliest time at which something is due.
func (e *Endpoint) armSession(s *session, now pipeline.Time) {
	if s.closed {
		return
	}
	if at, ok := e.set.Ack.Deadline(s.id); ok {
		e.owe(s, at)
	}
	e.timers.arm(&s.timer, e.sessionDue(s, now))
}

// sessionDue returns when the next thing of s is due, apart from acknowledgements,
// which are in owed. Code that makes something due earlier must touch s. The only
// exception is key wear by packets, which may wait for the next touch.
func (e *Endpoint) sessionDue(s *session, now pipeline.Time) pipeline.Time {
	at := later(s.received, e.cfg.IdleTimeout)
	earlier := func(t pipeline.Time, ok bool) {
		if ok && t < at {
			at = t
		}
	}
	earlier(e.laneDeadline(s))
	earlier(e.outboxDeadline(s))
	earlier(e.keepAliveAt(s))
	earlier(e.unansweredAt(s))
	earlier(s.mtuAt())
	earlier(s.clockAt())
	if s.rekey.active() {
		earlier(s.rekey.retryAt, true)
	}
	if s.previous != nil {
		earlier(s.previous.freeAt, true)
	}
	if s.current != nil && s.rekeyable() {
		t, ok := s.current.wearsAt()
		if e.worn(s, s.current, now) {
			t, ok = now, true
		}
		earlier(max(t, s.mayRekeyAt()), ok)
	}
	earlier(e.probeAt(s))
	if s.tokens() != nil {
		earlier(e.tokensAt(s))
	}
	if e.hasQueued(s, now) {
		earlier(max(e.paced(s), now+1), true)
	}
	return at
}

// hasQueued reports whether messages wait for the pacer. If the pacer is ready,
// messages that are still queued wait for room in the lane, which an acknowledgement
// makes.
func (e *Endpoint) hasQueued(s *session, now pipeline.Time) bool {
	if !s.confirmed || s.peer.session != s || e.paced(s) <= now {
		return false
	}
	state, reliable := s.peer.queue.Peek()
	return state > 0 || reliable > 0 && !s.lane.full() || s.lane.lost > 0 || s.outbox.waits()
}

// keepAliveAt returns when to ask the peer for a sign of life. Only a side that dials
// the peer does, whichever side opened this session: the other one could not dial
// again. Without an answer it asks more often, so that the loss of a packet or two is
// not taken for the loss of the peer.
func (e *Endpoint) keepAliveAt(s *session) (pipeline.Time, bool) {
	ok := s.peer.dial != nil && s.confirmed
	if s.asked != 0 {
		return later(max(s.asked, s.lastPing), max(e.keepAlive(s)/4, e.rto(s))), ok
	}
	return later(max(s.received, s.lastPing), e.keepAlive(s)), ok
}

// keepAlive returns how long a side that dials stays silent: KeepAlive, or less
// if the other side times out before. Three keep-alives in a row may be lost. The
// other side cannot ask for more than one in shortestKeepAlive.
func (e *Endpoint) keepAlive(s *session) time.Duration {
	idle := time.Duration(s.remoteIdle) * time.Millisecond
	return min(e.cfg.KeepAlive, max(idle/4, shortestKeepAlive))
}

// unansweredAt returns when a side that dials the peer begins another handshake because
// its packets are not answered.
func (e *Endpoint) unansweredAt(s *session) (pipeline.Time, bool) {
	d := s.peer.dial
	return later(s.asked, e.cfg.Unanswered), d != nil && s.asked != 0 && s.peer.session == s && !d.busy()
}

// timeout does what is due for s, which may be nothing, since the timer is lazy.
func (s *session) timeout(e *Endpoint, now pipeline.Time) {
	if s.closed {
		return
	}
	s.peer.queue.Trim()
	if now >= later(s.received, e.cfg.IdleTimeout) {
		e.markClosing(s, wire.CloseIdle, true)
		return
	}
	if at, ok := e.unansweredAt(s); ok && now >= at {
		e.dialBeside(s, now)
	}
	if at, ok := e.keepAliveAt(s); ok && now >= at {
		if again := s.asked != 0 && s.lastPing >= s.asked; again && s.size() > pmtu.Floor {
			// The first question may have been in a packet that was too large.
			e.sendQuestion(s, now)
		} else {
			s.pingDue = true
		}
		s.lastPing = now
	}
	if s.previous != nil && now >= s.previous.freeAt {
		e.closeEpoch(s, s.previous)
		s.previous = nil
	}
	e.laneTimeout(s, now)
	e.outboxTimeout(s, now)
	e.probeTimeout(s, now)
	if s.tokens() != nil {
		e.tokensTimeout(s, now)
	}
	e.mtuTimeout(s, now)
	e.clockTimeout(s, now)
	e.rekeyTimeout(s, now)
	e.touch(s)
}
