package conn

import (
	"net/netip"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/wire"
)

// sendControl sends a packet of control frames at once, beside the queue and
// beside the pacer. Without room it is lost, and counted; whoever needs it sends
// it again.
func (e *Endpoint) sendControl(s *session, addr netip.AddrPort, frames []byte, now pipeline.Time) bool {
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
	p := e.begin(s, addr, now)
	p.Data = append(p.Data, frames...)
	if addr != s.remote {
		// To an address that may be a victim's, not a byte more than asked.
		p.Data = p.Data[: len(p.Data) : len(p.Data)+wire.TagSize]
	}
	e.filling.eliciting = wire.FrameType(frames[0]).AckEliciting()
	return e.finish()
}

// handleControl acts on a control frame of an authenticated packet. The chain
// is still at work: sessions are only marked here, and closed behind it.
func (e *Endpoint) handleControl(p *pipeline.Packet, f *wire.Frame) {
	s := e.sessionOf(p)
	if s == nil || s.closed {
		return
	}
	switch f.Type {
	case wire.FrameClose:
		e.markClosing(s, peerReason(f.Close), false)
	case wire.FramePathChallenge:
		// The response goes where the challenge came from: that is the path
		// which it is to prove.
		if e.replyOnce() {
			e.sendControl(s, p.Addr, wire.AppendPath(nil, wire.FramePathResponse, f.Token), p.Now)
		}
	case wire.FramePathResponse:
		e.pathProven(s, f.Token)
	case wire.FrameRekey:
		e.handleRekey(s, p, f)
	}
}

// replyOnce reports whether the packet in hand may set off one of ours. It may
// once: a peer that fills a packet with questions must not have a burst sent,
// least of all to an address that is not its own.
func (e *Endpoint) replyOnce() bool {
	first := !e.replied
	e.replied = true
	return first
}

// toldReason returns what the other side is told of a reason. Findings of our
// own mean nothing to it; what matters is whether it may dial again.
func toldReason(r wire.CloseReason) wire.CloseReason {
	switch r {
	case wire.CloseIdle, wire.CloseHandshake:
		return wire.CloseShutdown
	case wire.CloseLost:
		return wire.CloseReplaced
	}
	return r
}

// peerReason returns what a reason from the wire is counted as: a peer cannot
// make up findings of ours.
func peerReason(r wire.CloseReason) wire.CloseReason {
	if r == wire.CloseNone || r >= wire.CloseIdle {
		return wire.CloseNormal
	}
	return r
}

// handleAcked takes in what an acknowledgement has decided.
func (e *Endpoint) handleAcked(p *pipeline.Packet, o *ack.Outcome) {
	s := e.sessionOf(p)
	if s == nil {
		return
	}
	if o.Acked > 0 && s.asked != 0 {
		// An answer: that packets come from there would not be one, since
		// the way there may be cut while the way back is not.
		s.asked = 0
		if at, ok := e.keepAliveAt(s); ok && at < s.timer.at {
			e.touch(s) // the retransmission time-out is longer
		}
	}
	e.countOutcome(s.peer, o)
	e.laneAcked(s, o)
}

func (e *Endpoint) countOutcome(p *Peer, o *ack.Outcome) {
	p.stats.Acked += o.AckedMessages
	p.stats.Lost += o.LostMessages - o.UnlostMessages
}
