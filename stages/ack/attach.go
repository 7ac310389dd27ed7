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
func (a *Attach) Process(p *pipeline.Packet) pipeline.Verdict {
	s := a.stage
	ss := s.sessions.Get(p.Session)
	if ss == nil || ss.silent {
		return pipeline.Accept
	}
	// A packet that closes the session is the last, so it carries all that is owed.
	bare := len(p.Data) == wire.HeaderSize || wire.FrameType(p.Data[wire.HeaderSize]) == wire.FrameClose
	for _, e := range ss.epochs {
		if e == nil {
			continue
		}
		n, _ := e.history.Pending()
		early := p.Now-ss.lastAck < pipeline.Time(s.ackInterval(ss, e))
		if n == 0 || !bare && early && p.Now < s.due(ss, e) {
			continue
		}
		a.attach(p, ss, e)
	}
	return pipeline.Accept
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
	e.history.Acknowledged()
	e.urgent = false
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
