package ack

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Attach is the stage "ack" of an outbound chain: it appends the acknowledgements that
// the session of a packet owes, if they are due and there is room.
type Attach struct {
	stage *Stage
	ack   wire.Ack // scratch
}

var (
	_ pipeline.Stage  = (*Attach)(nil)
	_ pipeline.Warmer = (*Attach)(nil)
)

// NewAttach returns the outbound half of s.
func NewAttach(s *Stage) *Attach { return &Attach{stage: s} }

// Name returns "ack".
func (a *Attach) Name() string { return "ack" }

// Reasons returns nil: Attach drops nothing.
func (a *Attach) Reasons() []string { return nil }

// Process appends acknowledgements to p.Data.
//
// They are attached to a packet with data if none was sent for the delay, or if
// [Config].Every packets are not acknowledged. They are attached to an empty packet,
// and to one with a close frame, if any packet is not acknowledged.
//
// If one is attached, so are those of the session's other epochs that are pending, and
// repetitions of the latest one of an epoch in which nothing arrives any more: sent
// once, it could be lost.
func (a *Attach) Process(p *pipeline.Packet) pipeline.Verdict {
	ss := a.stage.sessions.Get(p.Session)
	if ss == nil || ss.silent || !a.anyDue(p, ss) {
		return pipeline.Accept
	}
	var repeat [maxAcks]*epoch
	for i, e := range ss.epochs {
		switch {
		case e == nil:
		case e.history.owed():
			a.attach(p, ss, e)
		case e.history.repeating():
			repeat[i] = e
		}
	}
	// Repetitions come last, in case there is not room for all.
	for _, e := range repeat {
		if e != nil {
			a.attach(p, ss, e)
		}
	}
	return pipeline.Accept
}

// anyDue reports whether an acknowledgement may be sent in p.
func (a *Attach) anyDue(p *pipeline.Packet, ss *session) bool {
	// A packet that closes the session is the last, so it carries all that is owed.
	bare := len(p.Data) == wire.HeaderSize || wire.FrameType(p.Data[wire.HeaderSize]) == wire.FrameClose
	for _, e := range ss.epochs {
		if e == nil || !e.history.owed() {
			continue
		}
		if bare || p.Now-ss.lastAck >= pipeline.Time(a.stage.ackInterval(ss, e)) || p.Now >= a.stage.due(ss, e) {
			return true
		}
	}
	return false
}

func (a *Attach) attach(p *pipeline.Packet, ss *session, e *epoch) {
	if !e.history.Fill(&a.ack, p.Now) {
		return
	}
	a.ack.Epoch, a.ack.Reliable = uint8(e.seq), ss.reorder.Cumulative()
	if len(p.Data)+a.ack.Size()+wire.TagSize > cap(p.Data) {
		return
	}
	p.Data = wire.AppendAck(p.Data, &a.ack)
	if e.atOnce && ss.capabilities&wire.CapAckTime != 0 && len(p.Data)+wire.AckTimeSize+wire.TagSize <= cap(p.Data) {
		p.Data = wire.AppendAckTime(p.Data, a.stage.cfg.Clock(e.history.largestAt))
	}
	e.history.Acknowledged()
	e.urgent, e.atOnce, e.bytes = false, false, 0
	ss.lastAck = p.Now
}

// Warm reads the acknowledgement state for the epoch's next packet. The chain calls
// it.
func (a *Attach) Warm(session, epoch pipeline.ID, _ uint64) uint64 {
	ss := a.stage.sessions.Get(session)
	if ss == nil {
		return 0
	}
	if e := ss.byID(epoch); e != nil {
		t := &e.tracker
		if n := len(t.ring); n > 0 {
			return uint64(t.ring[t.next&uint64(n-1)].at) + uint64(ss.lastAck) + e.history.largest
		}
	}
	return 0
}
