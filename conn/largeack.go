package conn

import (
	"slices"
	"time"

	"github.com/intentra/intentra/internal/sendq"
	"github.com/intentra/intentra/pipeline"
)

// outboxAcked takes note of the fragments of Latest messages that are acknowledged or
// lost. Those of Reliable messages are in the lane.
func (e *Endpoint) outboxAcked(s *session) {
	o := s.outbox
	for _, list := range [...][]*large{o.list, o.repair} {
		for _, m := range list {
			if m.unacked > 0 {
				e.partsAcked(s, m)
			}
		}
	}
	for i := 0; i < len(o.repair); {
		if m := o.repair[i]; m.unacked == 0 {
			o.remove(m)
			e.settleLarge(s, m, FateAcked)
		} else {
			i++
		}
	}
	if o.waits() || o.empty() {
		e.touch(s)
	}
}

// partsAcked is outboxAcked for one message. Like a message in the lane, a fragment that an
// acknowledgement shows as lost is sent again at once only fastResends times.
func (e *Endpoint) partsAcked(s *session, m *large) {
	for i := range m.parts {
		p := &m.parts[i]
		if p.state == partAcked {
			continue
		}
		t := e.tracker(s, p.epoch)
		switch {
		case t != nil && t.Acked(p.counter):
			if p.state == partLost {
				s.outbox.lost--
			}
			p.state = partAcked
			m.unacked--
			m.backoff = 0
		case p.state == partSent && p.tries < fastResends && (t == nil || t.Lost(p.counter)):
			p.state = partLost
			s.outbox.lost++
		}
	}
}

// outboxDeadline returns when the first fragment of a Latest message times out.
func (e *Endpoint) outboxDeadline(s *session) (at pipeline.Time, ok bool) {
	if s.outbox == nil || s.outbox.lost > 0 {
		return 0, false
	}
	for _, list := range [...][]*large{s.outbox.list, s.outbox.repair} {
		for _, m := range list {
			if oldest, sent := m.oldest(); sent {
				if due := later(oldest, e.partRTO(s, m)); !ok || due < at {
					at, ok = due, true
				}
			}
		}
	}
	return at, ok
}

// oldest returns when the first of the fragments in flight was sent.
func (m *large) oldest() (at pipeline.Time, ok bool) {
	if m.unacked == 0 {
		return 0, false
	}
	for i := range m.parts {
		if p := &m.parts[i]; p.state == partSent && (!ok || p.sentAt < at) {
			at, ok = p.sentAt, true
		}
	}
	return at, ok
}

func (e *Endpoint) partRTO(s *session, m *large) time.Duration {
	return min(e.rto(s)<<m.backoff, maxRTO)
}

// outboxTimeout has the fragments of Latest messages sent again whose timeout has expired.
func (e *Endpoint) outboxTimeout(s *session, now pipeline.Time) {
	if at, ok := e.outboxDeadline(s); !ok || now < at {
		return
	}
	for _, list := range [...][]*large{s.outbox.list, s.outbox.repair} {
		for _, m := range list {
			limit := now - pipeline.Time(e.partRTO(s, m))
			late := false
			for i := range m.parts {
				if p := &m.parts[i]; p.state == partSent && p.sentAt <= limit {
					p.state = partLost
					s.outbox.lost++
					late = true
				}
			}
			if late {
				m.backoff = min(m.backoff+1, 8)
			}
		}
	}
	e.touch(s)
}

// showOutbox tells the queue how many Reliable messages have left it and are not sent, and
// frees an outbox that is empty.
func (e *Endpoint) showOutbox(s *session) {
	o := s.outbox
	if o == nil {
		return
	}
	if o.lent != o.shown {
		o.shown = o.lent
		s.peer.queue.Lend(o.lent.messages, o.lent.bytes)
	}
	if o.empty() {
		s.outbox = nil
	}
}

// clearOutbox drops the Realtime and Latest messages of the outbox, and returns the Reliable
// ones that are not in the queue again.
func (e *Endpoint) clearOutbox(s *session) (back []sendq.Returned) {
	o := s.outbox
	if o == nil {
		return nil
	}
	for _, m := range slices.Concat(o.ready, o.list, o.repair) {
		switch {
		case m.intent != pipeline.Reliable:
			e.stats.UnfinishedClosed++
			e.settleLarge(s, m, FateLost)
			if m.next != nil {
				e.stats.UnfinishedClosed++
				e.settleLarge(s, m.next, FateLost)
			}
		case !m.returned:
			back = append(back, e.restored(m))
		}
	}
	o.lent = loan{}
	*o = outbox{shown: o.shown}
	e.showOutbox(s)
	return back
}

// restored returns a Reliable message of the outbox for the queue.
func (e *Endpoint) restored(m *large) sendq.Returned {
	m.returned = true
	r := sendq.Returned{GivenUp: m.notice}
	r.Channel, r.Intent, r.Priority, r.Payload = m.channel, pipeline.Reliable, m.priority, m.payload
	if e.out.HasMessageStages() && !m.notice {
		r.Payload = m.original
	}
	r.SetMark(m.mark)
	return r
}
