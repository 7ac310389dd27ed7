package conn

import (
	"net/netip"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/wire"
)

// fill is the packet under construction and what takes messages into it, by one
// function value made once, so that filling a packet allocates nothing.
type fill struct {
	e         *Endpoint
	s         *session
	ep        *epoch
	now       pipeline.Time
	messages  int
	eliciting bool
	full      bool        // a message was left for the next packet
	reserved  int         // bytes kept free for an acknowledgement that is due
	scratch   []byte      // of a message on its way through the user's stages
	original  []byte      // the same message, Reliable, as it was before them
	waiting   bool        // scratch holds a message that is to pass them
	outcome   ack.Outcome // scratch

	taker func(channel uint32, intent pipeline.Intent, payload []byte) bool // take
}

func (f *fill) init(e *Endpoint) {
	f.e = e
	f.scratch = make([]byte, 0, e.cfg.MaxDatagram)
	f.taker = f.take
}

// Flush makes datagrams of what there is to send, until there is nothing left
// or the batch is full; then it returns true and wants to be called again once
// Outgoing has been sent.
func (e *Endpoint) Flush(now pipeline.Time) (more bool) {
	e.closeMarked(now)
	// Sending may touch sessions; those are looked at in the same Flush.
	for i := 0; i < len(e.touched); i++ {
		if i%WarmBatch == 0 {
			e.warmTouched(e.touched[i:min(i+WarmBatch, len(e.touched))])
		}
		s := e.touched[i]
		if s.closed {
			continue
		}
		if !e.flushSession(s, now) {
			// The others come first now, or one with much to send would keep
			// them waiting for all of it.
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

// flushSession sends what s has to send. It returns false if the batch is full.
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

// sendPacket makes one packet. It returns false if nothing came of it.
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
	p.Reset(buf[:0:min(cap(buf), max(s.maxDatagram, wire.MinDatagram))], addr, now)
	p.Peer, p.Session, p.Epoch, p.EpochSeq = s.peer.id, s.id, ep.id, ep.seq
	p.Counter = t.Next()
	p.Data = wire.AppendHeader(p.Data, wire.Header{Type: wire.TypeData, Receiver: ep.remoteID, Counter: p.Counter})
	f := &e.filling
	f.s, f.ep, f.now = s, ep, now
	f.messages, f.eliciting, f.full, f.reserved = 0, false, false, 0
	return p
}

// skip leaves the next counter out.
func (e *Endpoint) skip(s *session, ep *epoch) {
	o := &e.filling.outcome
	*o = ack.Outcome{}
	ep.tracker.Skip(o)
	e.countOutcome(s.peer, o)
	e.planSkip(ep, ep.tracker.Next())
}

// finish attaches acknowledgements, seals and queues the packet. An empty one
// goes nowhere, and returns false.
func (e *Endpoint) finish() bool {
	p, f := &e.outgoing, &e.filling
	s := f.s
	header := len(p.Data) == wire.HeaderSize
	v := e.out.ProcessPacket(p)
	if header && len(p.Data) <= wire.Overhead {
		// Nothing was owed after all. The counter has been used by the seal,
		// so it is used up; the peer never sees it.
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
		e.touch(s) // there is something to wait for
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

// sent has the packet under construction waited for.
func (e *Endpoint) sent(s *session, messages int, eliciting bool) {
	o := &e.filling.outcome
	*o = ack.Outcome{}
	e.filling.ep.tracker.Sent(e.filling.now, messages, eliciting, o)
	e.countOutcome(s.peer, o)
}

// fillMessages takes messages until the packet is full or none is left. State
// and Reliable take turns in who comes first, so neither starves the other.
func (f *fill) fillMessages(state, reliable bool) {
	f.s.stateTurn = !f.s.stateTurn
	if state && f.s.stateTurn {
		f.fillState()
	}
	if reliable {
		f.s.rearm = true // for the time-out of what is in flight
		f.fillReliable()
	}
	if state && !f.s.stateTurn {
		f.fillState()
	}
}

func (f *fill) fillState() {
	for f.drain(false) {
	}
}

func (f *fill) fillReliable() {
	f.resend()
	if f.s.lane.lost == 0 {
		for f.drain(true) {
		}
	}
}

// drain takes messages from the queue, and reports whether to go on: with
// stages of the user's in the way they come one at a time.
func (f *fill) drain(reliable bool) bool {
	if f.full {
		return false
	}
	f.waiting = false
	f.e.stats.Taken += uint64(f.s.peer.queue.Take(reliable, f.taker))
	if !f.waiting {
		return false
	}
	f.pass()
	return true
}

// take appends one message, under the queue's lock; a Reliable one by way of the
// lane. It returns false if the message is to wait.
func (f *fill) take(channel uint32, intent pipeline.Intent, payload []byte) bool {
	if intent == pipeline.Reliable && f.s.lane.full() {
		return false
	}
	if f.e.out.HasMessageStages() {
		return f.hold(channel, intent, payload)
	}
	p := &f.e.outgoing
	p.Channel, p.Intent = channel, intent
	p.SetPayload(payload)
	if !f.fits(p) {
		return f.leave()
	}
	f.e.out.CountMessage()
	if intent == pipeline.Reliable {
		f.toLane(p)
	} else {
		f.append(p)
	}
	return true
}

// hold copies one message out of the queue, to be passed through the user's
// stages when the lock is free. It takes a message only if the packet has room
// for it at its longest, because it cannot go back.
func (f *fill) hold(channel uint32, intent pipeline.Intent, payload []byte) bool {
	p := &f.e.outgoing
	if f.waiting {
		return false
	}
	longest := wire.MessageSize(wire.FrameType(intent), channel, len(payload)+f.e.out.MaxGrowth())
	if len(p.Data)+longest+f.reserved+wire.TagSize > cap(p.Data) && (f.messages > 0 || f.reserved > 0) {
		f.full = true
		return false
	}
	p.Channel, p.Intent = channel, intent
	f.scratch = append(f.scratch[:0], payload...)
	f.waiting = true
	return true
}

// pass runs the message in scratch through the user's stages and appends what
// has become of it.
func (f *fill) pass() {
	p := &f.e.outgoing
	p.SetPayload(f.scratch)
	if p.Intent == pipeline.Reliable {
		f.original = append(f.original[:0], f.scratch...)
	}
	if f.e.out.ProcessMessage(p) != pipeline.Accept {
		return
	}
	if !f.fits(p) {
		f.e.stats.TooLarge++
		return
	}
	if p.Intent == pipeline.Reliable {
		f.toLane(p)
		return
	}
	f.append(p)
}

// toLane gives the message in hand its number and appends it.
func (f *fill) toLane(p *pipeline.Packet) {
	l := &f.s.lane
	seq, m := l.add(p.Channel, p.Payload())
	if f.e.out.HasMessageStages() {
		m.original = append(m.original, f.original...)
	}
	f.e.set.Ack.SetReliableSent(f.s.id, l.next)
	f.appendReliable(p, seq, m)
}

// resend appends lost messages, oldest first, as far as there is room.
func (f *fill) resend() {
	l, p := &f.s.lane, &f.e.outgoing
	if l.lost == 0 || f.full {
		return
	}
	for seq := l.base; seq < l.next && l.lost > 0; seq++ {
		m := l.at(seq)
		if !m.lost {
			continue
		}
		p.Channel, p.Intent = m.channel, pipeline.Reliable
		p.SetPayload(m.payload)
		if !f.fits(p) {
			f.full = true
			return
		}
		m.lost = false
		m.tries = min(m.tries+1, fastResends)
		l.lost--
		f.appendReliable(p, seq, m)
	}
}

func (f *fill) appendReliable(p *pipeline.Packet, seq uint64, m *laneMessage) {
	m.epoch, m.counter, m.sentAt = p.Epoch, p.Counter, f.now
	p.Sequence, p.Distance = seq, m.distance
	f.append(p)
}

// pad makes a full packet as long as the others that follow each other now: only
// datagrams of one length travel as a run (see package udp), and messages differ
// by some bytes. More than maxPadding is not worth it.
func (f *fill) pad() {
	p := &f.e.outgoing
	n := cap(p.Data) - wire.TagSize - len(p.Data) - f.reserved
	if n > 0 && n <= maxPadding {
		p.Data = wire.AppendPadding(p.Data, n)
	}
}

// leave keeps the message that does not fit for the next packet. One that fits
// no packet, because the peer takes smaller ones than we do, is dropped: it
// must not hold up the others.
func (f *fill) leave() (taken bool) {
	if f.messages == 0 && f.reserved == 0 {
		f.e.stats.TooLarge++
		return true
	}
	f.full = true
	return false
}

func (f *fill) fits(p *pipeline.Packet) bool {
	return len(p.Data)+f.e.out.PackedSize(p)+f.reserved+wire.TagSize <= cap(p.Data)
}

func (f *fill) append(p *pipeline.Packet) {
	f.e.out.Pack(p)
	f.messages++
	f.eliciting = true
}
