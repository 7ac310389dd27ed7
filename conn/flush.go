package conn

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Flush builds datagrams from everything that there is to send. It returns true if
// the batch is full before it is done: send Outgoing and call it again.
func (e *Endpoint) Flush(now pipeline.Time) (more bool) {
	e.checked()
	e.closeMarked(now)
	e.readLog()
	// Sending may touch further sessions, which the same loop flushes.
	for i := 0; i < len(e.touched); i++ {
		if i%WarmBatch == 0 {
			e.warmTouched(e.touched[i:min(i+WarmBatch, len(e.touched))])
		}
		s := e.touched[i]
		if s.closed {
			continue
		}
		done := e.flushSession(s, now)
		e.attend(s.peer)
		if !done {
			// The other sessions go first in the next Flush, so that one with many
			// messages does not delay them.
			e.touched = append(e.touched[:0], e.touched[i+1:]...)
			e.touched = append(e.touched, s)
			return true
		}
		if s.peer.queue.Withheld() && s.peer.session == s {
			e.withheld = append(e.withheld, s)
		}
		e.showOutbox(s)
		s.touched = false
		if s.rearm {
			s.rearm = false
			e.armSession(s, now)
		}
	}
	e.touched = e.touched[:0]
	for _, s := range e.withheld {
		e.touchQueue(s)
	}
	clear(e.withheld)
	e.withheld = e.withheld[:0]
	return false
}

// flushSession sends everything that s has to send. It returns false if the batch is
// full.
func (e *Endpoint) flushSession(s *session, now pipeline.Time) bool {
	if s.current == nil {
		e.spill(s)
		return true
	}
	s.ackDue = e.ackIsDue(s, now)
	for {
		d := e.sendable(s, now)
		if d == (due{}) && !s.pingDue && !s.ackDue {
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
		if !e.sendPacket(s, d, now) {
			return true
		}
	}
}

// due is what may be sent to a peer now: Realtime and Latest messages of the queue,
// Reliable ones, and some of the outbox. ranked means that those in the queue have several
// priorities.
type due struct{ state, reliable, large, ranked bool }

// sendable returns what may be sent to the peer of s now.
func (e *Endpoint) sendable(s *session, now pipeline.Time) due {
	if !s.confirmed || s.peer.session != s {
		return due{}
	}
	q := &s.peer.queue
	state, reliable, ranked := q.Waiting()
	if q.Reading() {
		if state > 0 || ranked || s.outbox != nil {
			e.spill(s) // some of those in the queue come before
			state, _ = q.Peek()
		} else {
			state = 1 // at least
		}
	}
	if s.lane.full() {
		reliable = 0
	}
	reliable += int(s.lane.lost)
	waits := state+reliable > 0 || s.outbox.waits()
	if waits && e.paced(s) > now {
		s.rearm = true
		e.spill(s)
		return due{}
	}
	if waits && !e.mayFly(s, now) {
		e.spill(s)
		return due{}
	}
	return due{state > 0, reliable > 0, s.outbox != nil && e.largeSendable(s, now), ranked && state+reliable > 0}
}

func (e *Endpoint) ackIsDue(s *session, now pipeline.Time) bool {
	at, ok := e.set.Ack.Deadline(s.id)
	return ok && at <= now
}
