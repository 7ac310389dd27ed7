package conn

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/wire"
)

// sendPacket builds one packet. It returns false if there was nothing to send.
func (e *Endpoint) sendPacket(s *session, d due, now pipeline.Time) bool {
	p := e.begin(s, s.size(), now)
	f := &e.filling
	if s.ackDue {
		f.reserved = wire.MaxAckSize
	}
	// Large and other messages alternate in going first, so that neither waits for more
	// than one packet of the other.
	first := d.large && s.outbox.turn
	if first {
		f.fillLarge()
	}
	if d.ranked {
		f.fillRanked(d.state, d.reliable)
	} else {
		f.fillMessages(d.state, d.reliable)
	}
	if s.outbox != nil {
		s.outbox.turn = !first
		if !first {
			f.fillLarge()
		}
	}
	if s.pingDue && !f.eliciting {
		p.Data = wire.AppendPing(p.Data)
		f.eliciting = true
	}
	s.pingDue, s.ackDue = false, false
	if s.askDue && f.eliciting {
		f.ask()
	}
	if f.full {
		f.pad()
		e.filled(s, now)
	}
	return e.finish()
}

// ask adds the request for an acknowledgement. If there is no room, the next packet has
// it, even if there is nothing else to send.
func (f *fill) ask() {
	s, p := f.s, &f.e.outgoing
	switch {
	case f.room(p) < 1:
		s.pingDue = true
		return
	case s.capabilities&wire.CapAckNow != 0:
		p.Data = wire.AppendAckNow(p.Data)
	default:
		p.Data = wire.AppendPing(p.Data)
	}
	s.askDue = false
}

// begin starts a packet of up to size bytes, of the session's current epoch and on its
// route.
func (e *Endpoint) begin(s *session, size int, now pipeline.Time) *pipeline.Packet {
	ep := s.current
	t := ep.tracker
	if t.Next() == ep.skipAt {
		e.skip(s, ep)
	}
	buf := e.arena.buffer()
	p := &e.outgoing
	p.Reset(buf[:0:min(cap(buf), max(size, wire.MinDatagram))], s.remote, now)
	if !s.doubtsLocal(now) {
		p.Local = s.localAddr()
	}
	p.Peer, p.Session, p.Epoch, p.EpochSeq = s.peer.id, s.id, ep.id, ep.seq
	p.Counter = t.Next()
	p.Data = wire.AppendHeader(p.Data, wire.Header{Type: wire.TypeData, Receiver: ep.remoteID, Counter: p.Counter})
	f := &e.filling
	f.s, f.ep, f.now = s, ep, now
	f.messages, f.bytes, f.eliciting, f.full, f.reserved = 0, 0, false, false, 0
	f.parts, f.notices = 0, 0
	f.latest, f.began, f.small = false, false, s.accepted()-wire.Overhead-wholeOverhead
	f.probe, f.fragment, f.buffer = false, false, buf
	return p
}

// skip skips the next counter; see planSkip.
func (e *Endpoint) skip(s *session, ep *epoch) {
	o := &e.filling.outcome
	*o = ack.Outcome{}
	ep.tracker.Skip(o)
	e.countOutcome(s, o)
	e.planSkip(ep, ep.tracker.Next())
}

// finish attaches acknowledgements, seals the packet and adds it to the batch. It
// returns false for an empty packet, which is not sent.
func (e *Endpoint) finish() bool {
	p, f := &e.outgoing, &e.filling
	s := f.s
	header := len(p.Data) == wire.HeaderSize
	v := e.out.ProcessPacket(p)
	if header && len(p.Data) <= wire.Overhead {
		// No acknowledgement was due. The seal has used the counter, which the
		// peer will never see.
		e.sent(s, 0, 0, false)
		return false
	}
	e.sent(s, f.messages, len(p.Data), f.eliciting && v == pipeline.Accept)
	if v != pipeline.Accept {
		return true
	}
	s.pacer.charge(f.now)
	if n := f.messages + f.parts; n > 0 {
		if s.more == nil {
			s.extra()
		}
		s.more.charge(f.now, n, f.bytes)
	}
	if f.eliciting && !f.probe && s.asked == 0 {
		s.asked = f.now
		e.touch(s) // the timer waits for the answer
	}
	f.ep.messages += uint64(f.messages)
	st := &s.peer.stats
	st.PacketsOut++
	st.BytesOut += uint64(len(p.Data))
	st.MessagesOut += uint64(f.messages)
	e.changed(s.peer)
	e.stats.PacketsOut++
	e.stats.BytesOut += uint64(len(p.Data))
	e.arena.commit(p.Data, &p.Addr, &p.Local, s.id)
	if f.fragment {
		e.arena.out[len(e.arena.out)-1].Fragment = true
		f.ep.tracker.Fragmented()
	}
	if s.asked != 0 && f.now >= later(s.asked, ack.DefaultLazyDelay) && len(p.Data) > ack.LargePacket && !f.probe {
		e.unanswered(s, f.now)
	}
	return true
}

// sent tells the tracker that the packet under construction was sent.
func (e *Endpoint) sent(s *session, messages, size int, eliciting bool) {
	o := &e.filling.outcome
	*o = ack.Outcome{}
	if e.filling.probe {
		e.filling.ep.tracker.SentProbe(e.filling.now, size, o)
		e.countOutcome(s, o)
		return
	}
	e.filling.ep.tracker.Sent(e.filling.now, messages, size, eliciting, o)
	e.countOutcome(s, o)
	if eliciting {
		e.flew(s, size)
	}
}
