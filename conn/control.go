package conn

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/wire"
)

// sendControl sends a packet of control frames at once, without the queue and the
// pacer. If there is no room it is dropped and counted in Stats.RepliesLost, and
// returns false; the caller sends it again later if that matters.
func (e *Endpoint) sendControl(s *session, to route, frames []byte, now pipeline.Time) bool {
	if s.current == nil {
		return false
	}
	if t := e.tracker(s, s.current.id); t == nil || t.Next() >= HardPackets {
		return false
	}
	if e.arena.full() {
		e.stats.RepliesLost++
		return false
	}
	p := e.begin(s, s.size(), now)
	p.Addr, p.Local = to.remote, to.local
	p.Data = append(p.Data, frames...)
	if to.remote != s.remote {
		// The address may be that of a victim: send nothing but the frames.
		p.Data = p.Data[: len(p.Data) : len(p.Data)+wire.TagSize]
	}
	e.filling.eliciting = wire.FrameType(frames[0]).AckEliciting()
	return e.finish()
}

// handleControl acts on a control frame of an authenticated packet. The chain is
// still processing the packet, so sessions are only marked here, and closed after
// it.
func (e *Endpoint) handleControl(p *pipeline.Packet, f *wire.Frame) {
	s := e.sessionOf(p)
	if s == nil || s.closed {
		return
	}
	switch f.Type {
	case wire.FrameClose:
		e.markClosing(s, peerReason(f.Close), false)
	case wire.FramePathChallenge:
		// The response takes the path by which the challenge came, which is the one
		// to be proven.
		if e.replyOnce() {
			e.newPath(s) // for the peer this side has moved
			e.sendControl(s, routeOf(p), wire.AppendPath(nil, wire.FramePathResponse, f.Token), p.Now)
		}
	case wire.FramePathResponse:
		e.pathProven(s, f.Token)
	case wire.FrameRekey:
		e.handleRekey(s, p, f)
	}
}

// replyOnce reports whether the packet being processed may cause a reply packet. It
// may once: a packet full of requests must not cause a burst, above all not to an
// address that is not the peer's.
func (e *Endpoint) replyOnce() bool {
	first := !e.replied
	e.replied = true
	return first
}

// toldReason returns the reason that a Close frame carries for r. Reasons that only
// this side can observe are replaced by one with the same consequence: whether the
// peer dials again.
func toldReason(r wire.CloseReason) wire.CloseReason {
	switch r {
	case wire.CloseIdle, wire.CloseHandshake:
		return wire.CloseShutdown
	case wire.CloseLost:
		return wire.CloseReplaced
	}
	return r
}

// peerReason returns the reason to count for one from the wire: a peer cannot claim
// what only this side can observe.
func peerReason(r wire.CloseReason) wire.CloseReason {
	if r == wire.CloseNone || r >= wire.CloseIdle {
		return wire.CloseNormal
	}
	return r
}

// handleAcked processes the outcome of an acknowledgement.
func (e *Endpoint) handleAcked(p *pipeline.Packet, o *ack.Outcome) {
	s := e.sessionOf(p)
	if s == nil {
		return
	}
	if o.Acked > 0 && s.asked != 0 {
		// This proves that packets reach the peer. Packets from it would not: the
		// path to it may be cut while the path back works.
		s.asked = 0
		if at, ok := e.keepAliveAt(s); ok && at < s.timer.At() {
			e.touch(s) // the retransmission time-out is longer
		}
	}
	e.countOutcome(s, o)
	e.returned(s, o, p.Now)
	e.clockSample(s, o, p.Now)
	e.mtuAcked(s, o, p.Now)
	e.laneAcked(s, o)
	if s.outbox != nil {
		e.outboxAcked(s)
	}
	if s.tokens() != nil {
		e.tokensDecided(s)
	}
}

func (e *Endpoint) countOutcome(s *session, o *ack.Outcome) {
	s.inFlight -= int32(o.Resolved)
	p := s.peer
	p.stats.Acked += o.AckedMessages
	p.stats.Lost += o.LostMessages - o.UnlostMessages
}
