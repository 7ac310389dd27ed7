package conn

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Flush builds datagrams from everything that there is to send. It returns true if
// the batch is full before it is done: send Outgoing and call it again.
func (e *Endpoint) Flush(now pipeline.Time) (more bool) {
	e.closeMarked(now)
	// Sending may touch further sessions, which the same loop flushes.
	for i := 0; i < len(e.touched); i++ {
		if i%WarmBatch == 0 {
			e.warmTouched(e.touched[i:min(i+WarmBatch, len(e.touched))])
		}
		s := e.touched[i]
		if s.closed {
			continue
		}
		if !e.flushSession(s, now) {
			// The other sessions go first in the next Flush, so that one with many
			// messages does not delay them.
			e.touched = append(e.touched[:0], e.touched[i+1:]...)
			e.touched = append(e.touched, s)
			return true
		}
		s.touched = false
		if s.rearm {
			s.rearm = false
			e.armSession(s, now)
		}
	}
	e.touched = e.touched[:0]
	return false
}

// flushSession sends everything that s has to send. It returns false if the batch is
// full.
func (e *Endpoint) flushSession(s *session, now pipeline.Time) bool {
	if s.current == nil {
		return true
	}
	s.ackDue = e.ackIsDue(s, now)
	for {
		state, reliable := e.sendable(s, now)
		if state+reliable == 0 && !s.pingDue && !s.ackDue {
			return true
		}
		if e.spent(s, s.current, now) {
			e.markClosing(s, wire.CloseKeys, false)
			e.closeMarked(now)
			return true
		}
		if e.arena.full() {
			return false
		}
		if !e.sendPacket(s, state, reliable, now) {
			return true
		}
	}
}

// sendable returns how many messages may be sent to the peer of s now.
func (e *Endpoint) sendable(s *session, now pipeline.Time) (state, reliable int) {
	if !s.confirmed || s.peer.session != s {
		return 0, 0
	}
	state, reliable = s.peer.queue.Waiting()
	if s.lane.full() {
		reliable = 0
	}
	reliable += s.lane.lost
	if state+reliable > 0 && !s.pacer.ready(now) {
		s.rearm = true
		return 0, 0
	}
	return state, reliable
}

func (e *Endpoint) ackIsDue(s *session, now pipeline.Time) bool {
	at, ok := e.set.Ack.Deadline(s.id)
	return ok && at <= now
}
