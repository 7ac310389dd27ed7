package conn

import (
	"net/netip"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/wire"
)

// sendPacket builds one packet. It returns false if there was nothing to send.
func (e *Endpoint) sendPacket(s *session, state, reliable int, now pipeline.Time) bool {
	p := e.begin(s, s.remote, now)
	f := &e.filling
	if s.ackDue {
		f.reserved = wire.MaxAckSize
	}
	f.fillMessages(state > 0, reliable > 0)
	if f.full {
		f.pad()
	}
	if s.pingDue && !f.eliciting {
		p.Data = wire.AppendPing(p.Data)
		f.eliciting = true
	}
	s.pingDue, s.ackDue = false, false
	return e.finish()
}

// begin starts a packet of the session's current epoch.
func (e *Endpoint) begin(s *session, addr netip.AddrPort, now pipeline.Time) *pipeline.Packet {
	ep := s.current
	t := ep.tracker
	if t.Next() == ep.skipAt {
		e.skip(s, ep)
	}
	buf := e.arena.buffer()
	p := &e.outgoing
	p.Reset(buf[:0:min(cap(buf), max(int(s.maxDatagram), wire.MinDatagram))], addr, now)
	p.Peer, p.Session, p.Epoch, p.EpochSeq = s.peer.id, s.id, ep.id, ep.seq
	p.Counter = t.Next()
	p.Data = wire.AppendHeader(p.Data, wire.Header{Type: wire.TypeData, Receiver: ep.remoteID, Counter: p.Counter})
	f := &e.filling
	f.s, f.ep, f.now = s, ep, now
	f.messages, f.eliciting, f.full, f.reserved = 0, false, false, 0
	return p
}

// skip skips the next counter; see planSkip.
func (e *Endpoint) skip(s *session, ep *epoch) {
	o := &e.filling.outcome
	*o = ack.Outcome{}
	ep.tracker.Skip(o)
	e.countOutcome(s.peer, o)
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
		e.sent(s, 0, false)
		return false
	}
	e.sent(s, f.messages, f.eliciting && v == pipeline.Accept)
	if v != pipeline.Accept {
		return true
	}
	s.pacer.charge(f.now)
	if f.eliciting && s.asked == 0 {
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
	e.arena.commit(p.Data, p.Addr)
	return true
}

// sent tells the tracker that the packet under construction was sent.
func (e *Endpoint) sent(s *session, messages int, eliciting bool) {
	o := &e.filling.outcome
	*o = ack.Outcome{}
	e.filling.ep.tracker.Sent(e.filling.now, messages, eliciting, o)
	e.countOutcome(s.peer, o)
}
