package conn

import "github.com/intentra/intentra/pipeline"

// startOver begins a fresh handshake in what is left of the time, once: a
// responder that has been started again since it sent message 2 will never take
// our message 3. One that is only slow to decide still may.
func (a *attempt) startOver(e *Endpoint, now pipeline.Time) {
	d := a.dial
	a.gone = true
	d.attempt = nil
	e.timers.stop(&a.timer)
	e.startAttempt(d, a.addr, now)
	b := d.attempt
	if b == nil {
		e.discard(a.session)
		return
	}
	b.before, b.deadline = a.session, a.deadline
	e.timers.arm(&b.timer, b.deadline)
}

// discard gives up a session that has never been confirmed, if there is one.
func (e *Endpoint) discard(s *session) {
	if s != nil && !s.closed {
		e.stats.Sessions--
		e.release(s)
	}
}
