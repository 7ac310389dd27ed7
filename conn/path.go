package conn

import (
	"crypto/subtle"
	"net/netip"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// path is an address that a session may move to. Packets go to the proven address
// until the new one has echoed 8 random bytes. An acknowledgement proves nothing: an
// attacker that forwards genuine packets from another address gets them acknowledged.
type path struct {
	addr     netip.AddrPort // the candidate
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
	if p.Addr == s.remote {
		// The peer is still at its address: it did not move to the other one.
		s.path = nil
		return
	}
	if e.cfg.ForbidRoaming {
		return
	}
	if s.path == nil || s.path.addr != p.Addr {
		if s.challengesAt > later(p.Now, (challengeBurst-1)*pathRetry) {
			return // addresses alternate: no further candidate for now
		}
		s.path = &path{addr: p.Addr}
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
	if e.sendControl(s, c.addr, frame, now) {
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
	s.remote, s.path = s.path.addr, nil
	e.stats.Roams++
	e.touch(s)
}
