package conn

import (
	"github.com/intentra/intentra/internal/pmtu"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/wire"
)

// mtu is the search for the largest datagram on a session's path (RFC 8899). A session
// has one since it first filled a packet, or lost several large ones: most peers never
// do.
type mtu struct {
	pmtu.Search
	raiseAt pipeline.Time // when a full packet begins the next search
}

// AcceptedDatagram is the size in bytes of the datagrams that a message must fit to be
// accepted, if MaxDatagram is not less: the base size of an IPv4 path.
const AcceptedDatagram = pmtu.BaseIPv4

// base returns the size that the path of s is expected to carry.
func (s *session) base() int { return min(pmtu.Base(s.remote.Addr()), int(s.maxDatagram)) }

// size returns the size of the largest datagram to send.
func (s *session) size() int {
	if s.mtu != nil {
		return s.mtu.Size()
	}
	return s.base()
}

// DatagramSize returns the size in bytes of the largest datagram that is sent to the
// peer at present, as the search on its path has found, or zero if it is not connected.
func (p *Peer) DatagramSize() int {
	p.checked()
	if p.session == nil {
		return 0
	}
	return p.session.size()
}

// searchMTU returns the search of s, and makes one that is complete if s has none.
func (e *Endpoint) searchMTU(s *session, now pipeline.Time) *mtu {
	if s.mtu == nil {
		s.mtu = &mtu{Search: pmtu.New(s.base(), pmtu.Base(s.remote.Addr()), int(s.maxDatagram), now)}
		s.mtu.Rest()
	}
	return s.mtu
}

// filled notes that a packet is full: larger ones would be of use.
func (e *Endpoint) filled(s *session, now pipeline.Time) {
	if s.mtu == nil && s.base() == int(s.maxDatagram) || s.mtu != nil && (!s.mtu.Complete() || now < s.mtu.raiseAt) {
		return
	}
	e.searchMTU(s, now).Raise(now)
	e.touch(s)
}

// mtuAt returns when the search sends its next probe.
func (s *session) mtuAt() (pipeline.Time, bool) {
	if s.mtu == nil {
		return 0, false
	}
	return s.mtu.Due()
}

// mtuTimeout sends the probe that is due, and a small packet with it that is
// acknowledged at once: without that the loss of the probe would mean nothing.
func (e *Endpoint) mtuTimeout(s *session, now pipeline.Time) {
	at, ok := s.mtuAt()
	if !ok || now < at || s.current == nil || e.spent(s, s.current, now) {
		return
	}
	if e.arena.full() {
		return // the timer fires again after the batch
	}
	before := s.size()
	probe := s.mtu.Poll(now, e.rto(s))
	if _, searching := s.mtu.Due(); !searching {
		s.mtu.raiseAt = later(now, pmtu.RaiseAfter)
	}
	if probe > 0 {
		e.sendProbe(s, probe, now)
		e.sendQuestion(s, now)
	}
	e.resized(s, before, now)
}

// sendProbe sends a packet of exactly size bytes, whose loss counts for nothing else.
func (e *Endpoint) sendProbe(s *session, size int, now pipeline.Time) {
	p := e.begin(s, size, now)
	f := &e.filling
	room := f.room(p)
	if s.capabilities&wire.CapProbe != 0 {
		n := room - 2
		if wire.ProbeSize(n) > room {
			n--
		}
		p.Data = wire.AppendProbe(p.Data, n)
	} else {
		p.Data = wire.AppendPing(p.Data)
	}
	p.Data = wire.AppendPadding(p.Data, f.room(p))
	f.eliciting, f.probe = true, true
	e.finish()
}

// sendQuestion sends a small packet that is to be acknowledged at once.
func (e *Endpoint) sendQuestion(s *session, now pipeline.Time) {
	if s.capabilities&wire.CapAckNow != 0 {
		e.sendControl(s, s.route(now), wire.AppendAckNow(nil), now)
		return
	}
	e.sendControl(s, s.route(now), wire.AppendPing(nil), now)
}

// mtuAcked tells the search what was acknowledged and lost.
func (e *Endpoint) mtuAcked(s *session, o *ack.Outcome, now pipeline.Time) {
	m := s.mtu
	if m == nil {
		if o.LostLarge == 0 || o.LargestAcked >= o.LeastLost {
			return
		}
		m = e.searchMTU(s, now)
	}
	before := s.size()
	m.Lost(o.LostLarge, o.LeastLost, now)
	if o.LargestAcked > 0 {
		m.Acked(o.SmallestAcked, now)
		m.Acked(o.LargestAcked, now)
	}
	e.resized(s, before, now)
}

// suspectMTU starts a test of the size in use: nothing large is acknowledged any more.
func (e *Endpoint) suspectMTU(s *session, now pipeline.Time) {
	if s.size() > pmtu.Floor {
		e.searchMTU(s, now).Suspect(now)
		e.touch(s)
	}
}

// unanswered is called when a large packet is sent although an acknowledgement of an
// earlier one is overdue.
func (e *Endpoint) unanswered(s *session, now pipeline.Time) {
	// Something must have arrived since, or the path is cut.
	if s.received > s.asked && now >= later(s.asked, ack.DefaultLazyDelay+e.rto(s)) && s.current.tracker.LargestOutstanding() > pmtu.Floor {
		e.suspectMTU(s, now)
	}
}

// HandleTooLarge reports that the local system refused a datagram, by its index in what
// Outgoing has returned last, as larger than its interface carries. That is a hint,
// which is tested. It is called before another method of e adds a datagram.
func (e *Endpoint) HandleTooLarge(index int, now pipeline.Time) {
	out, owners := e.checked().arena.rest(0)
	if index < 0 || index >= len(out) {
		return
	}
	e.tooLarge(owners[index], len(out[index].Data), now)
}

// tooLarge passes the hint about a datagram of size bytes on to the session's search.
func (e *Endpoint) tooLarge(session pipeline.ID, size int, now pipeline.Time) {
	slot := e.sessions.Get(session)
	if slot == nil || size <= pmtu.Floor {
		return
	}
	if s := *slot; !s.closed && s.current != nil {
		e.searchMTU(s, now).TooLarge(size, now)
		if at, ok := s.mtu.Due(); ok {
			e.timers.arm(&s.timer, at)
		}
	}
}

// resized has the consequences of a change of the size in use.
func (e *Endpoint) resized(s *session, before int, now pipeline.Time) {
	if at, ok := s.mtu.Due(); ok && at <= now {
		e.touch(s)
	}
	size := s.size()
	if size != before {
		e.changed(s.peer)
	}
	if size < before {
		e.loseLarger(s, size)
	}
}

// loseLarger has the Reliable messages sent again, in smaller packets, whose packets
// were larger than the size that arrives. The limit is that of laneAcked.
func (e *Endpoint) loseLarger(s *session, size int) {
	l := s.lane
	for seq := l.base; seq < l.next; seq++ {
		m := l.at(seq)
		if t := e.tracker(s, m.epoch); t != nil && t.Size(m.counter) > size && m.tries < fastResends {
			l.lose(m)
		}
	}
	e.touch(s)
}

// newPath begins from the base size, because the path has changed.
func (e *Endpoint) newPath(s *session) {
	if s.mtu != nil {
		s.mtu = nil
		e.changed(s.peer)
	}
}
