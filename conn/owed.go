package conn

import (
	"github.com/intentra/intentra/internal/ring"
	"github.com/intentra/intentra/pipeline"
)

// owed queues the sessions that owe an acknowledgement, in the order in which it
// falls due. Nearly all acknowledgements have the same delay, so a queue suffices,
// without the logarithmic time of a heap. A session is in it at most once.
type owed struct{ ring.Ring[owedAck] }

type owedAck struct {
	at      pipeline.Time
	session pipeline.ID
}

// next returns when the first acknowledgement falls due.
func (o *owed) next() (pipeline.Time, bool) {
	if o.Len() == 0 {
		return 0, false
	}
	return o.Front().at, true
}

// handleOwed is called by stage ack after a packet.
func (e *Endpoint) handleOwed(p *pipeline.Packet, at pipeline.Time) {
	s := e.sessionOf(p)
	switch {
	case s == nil || s.closed:
	case at <= p.Now:
		e.touch(s)
	default:
		e.owe(s, at)
	}
}

// owe schedules s for the time when its acknowledgement falls due.
func (e *Endpoint) owe(s *session, at pipeline.Time) {
	switch {
	case s.owedAt != 0 && s.owedAt <= at:
	case s.owedAt == 0 && (e.owed.Len() == 0 || e.owed.Back().at <= at):
		s.owedAt = at
		*e.owed.Push() = owedAck{at, s.id}
	default:
		// Due before the end of the queue, as after a gap.
		e.timers.arm(&s.timer, at)
	}
}

// payOwed schedules the sessions whose acknowledgement has fallen due for the next
// Flush. Data that was sent in between may have carried it already.
func (e *Endpoint) payOwed(now pipeline.Time) {
	for e.owed.Len() > 0 && e.owed.Front().at <= now {
		slot := e.sessions.Get(e.owed.Pop().session)
		if slot == nil {
			continue
		}
		s := *slot
		s.owedAt = 0
		if at, ok := e.set.Ack.Deadline(s.id); ok && at <= now {
			e.touch(s)
		} else if ok {
			e.owe(s, at)
		}
	}
}
