package conn

import (
	"crypto/subtle"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// path is a route that a session may move to. Packets take the proven route until the
// new one has echoed 8 random bytes. A change of either address is a move. An
// acknowledgement proves nothing: an attacker that forwards genuine packets from
// another address gets them acknowledged.
type path struct {
	route    // the candidate
	token    [wire.PathTokenSize]byte
	received int // bytes from there
	sent     int // bytes to there
	attempts int
	retryAt  pipeline.Time
}

// follow checks where an authenticated packet came from. Only the newest packet
// counts, so that a delayed old one cannot move the session.
func (e *Endpoint) follow(s *session, p *pipeline.Packet, size int) {
	order := uint64(p.EpochSeq)<<32 | p.Counter&(1<<32-1)
	if order < s.newest {
		return
	}
	s.newest = order
	if s.on(p) {
		// The peer still uses the path: it did not move to the other one.
		s.path = nil
		return
	}
	if e.cfg.ForbidRoaming {
		return
	}
	if s.path == nil || s.path.route != routeOf(p) {
		if s.challengesAt > later(p.Now, (challengeBurst-1)*pathRetry) {
			return // addresses alternate: no further candidate for now
		}
		s.path = &path{route: routeOf(p)}
		if !e.random(s.path.token[:]) {
			s.path = nil
			return
		}
	}
	s.path.received += size
	e.challenge(s, p.Now)
}

// challenge sends the token to the candidate, within its budget: "three times
// the amount of data received" (RFC 9000 section 8.1).
func (e *Endpoint) challenge(s *session, now pipeline.Time) {
	c := s.path
	const size = wire.Overhead + 1 + wire.PathTokenSize
	if now < c.retryAt || c.sent+size > pathBudget*c.received || s.challengesAt > later(now, (challengeBurst-1)*pathRetry) {
		return
	}
	frame := wire.AppendPath(nil, wire.FramePathChallenge, c.token)
	if e.sendControl(s, c.route, frame, now) {
		// Ever more rarely, but without end: the peer may have moved permanently.
		c.retryAt = later(now, pathRetry<<min(c.attempts, pathBackoff))
		c.attempts++
		c.sent += size
		s.challengesAt = later(max(s.challengesAt, now), pathRetry)
	}
}

// pathProven moves the session to the candidate that has answered.
func (e *Endpoint) pathProven(s *session, token [wire.PathTokenSize]byte) {
	if s.path == nil || subtle.ConstantTimeCompare(token[:], s.path.token[:]) != 1 || s.path.attempts == 0 {
		return
	}
	if s.flight != nil {
		s.flight.Moved()
	}
	s.setRoute(s.path.route)
	s.path = nil
	e.stats.Roams++
	e.newPath(s)
	e.touch(s)
}
