package conn

import "github.com/intentra/intentra/pipeline"

// startOver begins another handshake in the remaining time, once: a responder that
// has restarted since it sent message 2 will never accept this message 3. One that is
// only slow to authorize still may, so the first session stays.
func (a *attempt) startOver(e *Endpoint, now pipeline.Time) {
	d := a.dial
	a.gone = true
	d.remove(a)
	e.timers.Remove(&a.timer)
	b := e.startAttempt(d, a.addr, now)
	if b == nil {
		e.discard(a.session)
		d.search.fail(a.addr, ErrTooManyPeers)
		e.advance(d, now)
		return
	}
	b.before, b.deadline, b.latest = a.session, a.deadline, a.latest
	e.timers.arm(&b.timer, b.deadline)
}

// discard releases a session that was never confirmed; s may be nil.
func (e *Endpoint) discard(s *session) {
	if s != nil && !s.closed {
		e.stats.Sessions--
		e.release(s)
	}
}
