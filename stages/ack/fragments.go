package ack

import (
	"encoding/binary"

	"github.com/intentra/intentra/internal/fragment"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// pieceHeader is the length of what precedes the bytes of a Reliable fragment that is
// held: the size of its message and its offset.
const pieceHeader = 8

// possible reports whether the parsed fragment may be in packet p: its message is not too
// large, and has not begun in a packet that is newer than p.
func (s *Stage) possible(p *pipeline.Packet) bool {
	g := &s.frame.Fragment
	return int(g.Size) <= s.cfg.MaxMessage && (g.Of == wire.FrameReliable || began(p, g) <= wholeIn(p))
}

// wholeIn orders the messages that arrived whole in p among those of its session, and
// began those that began there: before all others of the packet.
func wholeIn(p *pipeline.Packet) uint64 { return uint64(p.EpochSeq)<<32 | (p.Counter+1)&(1<<32-1) }

// began returns the Began of the message of a fragment in packet p. Its epoch is the
// newest one with that low byte that is not newer than that of p.
func began(p *pipeline.Packet, g *wire.Fragment) uint64 {
	seq := p.EpochSeq - uint32(uint8(p.EpochSeq)-g.Epoch)
	if seq > p.EpochSeq {
		return 1<<64 - 1 // before the first epoch
	}
	return uint64(seq)<<32 | uint64(g.Counter+1)
}

// holder returns the incomplete messages of the session.
func (s *Stage) holder(p *pipeline.Packet) *fragment.Holder {
	h := s.session.incomplete
	if h == nil {
		h = &fragment.Holder{Session: p.Session}
		s.session.incomplete = h
	}
	if !s.assembling {
		s.assembling = true
		s.cfg.Assembling(p.Now + fragment.RealtimeLife)
	}
	return h
}

// fragment decides about a fragment. If it completes its message, that becomes the
// current one. Consumed means that it is kept.
func (s *Stage) fragment(p *pipeline.Packet, f *wire.Frame) pipeline.Verdict {
	g := &f.Fragment
	if g.Of == wire.FrameReliable {
		return s.reliableFragment(p, f)
	}
	order := began(p, g)
	p.Channel, p.Intent = f.Channel, pipeline.Intent(g.Of)
	return s.add(p, fragment.Piece{
		Intent: p.Intent, Channel: f.Channel, Order: order, Size: int(g.Size), Offset: int(g.Offset), Data: f.Payload,
	})
}

// reliableFragment decides about a fragment of a Reliable message, as reliable does about
// a message. Room for the message is reserved with its first fragment, so that no
// fragment has to be dropped that is acknowledged.
func (s *Stage) reliableFragment(p *pipeline.Packet, f *wire.Frame) pipeline.Verdict {
	g, r := &f.Fragment, &s.session.reorder
	p.Channel, p.Intent = f.Channel, pipeline.Reliable
	v := r.Offer(f.Seq, f.Distance)
	if v.Dropped() {
		if v != DropDuplicate {
			p.Strike()
		}
		return v
	}
	held := v == pipeline.Consumed
	switch completes := int(g.Offset)+len(f.Payload) == int(g.Size); {
	case held && !s.mayHold(p, pieceHeader+len(f.Payload)):
		return DropHeldFull
	case !held && completes && !s.cfg.Room(p):
		p.LeaveUnacknowledged()
		return DropReceiverFull
	}
	if g.Offset == 0 {
		reserved := s.fragments.Reserve(s.holder(p), int(g.Size))
		s.countLosses()
		if !reserved {
			p.LeaveUnacknowledged()
			return DropFragmentsFull
		}
	}
	piece := append(s.piece[:0], make([]byte, pieceHeader)...)
	binary.BigEndian.PutUint32(piece, g.Size)
	binary.BigEndian.PutUint32(piece[4:], g.Offset)
	piece = append(piece, f.Payload...)
	s.piece = piece
	if held {
		payload := s.buffers.copy(piece)
		s.held += heldOverhead + cap(payload)
		r.hold(f.Seq, f.Distance, f.Channel, payload, receivedPiece)
		r.stamp(f.Seq, p.Origin, p.Within)
		return pipeline.Consumed
	}
	r.Deliver(f.Seq)
	s.releasing = true
	return s.follow(p, f.Channel, piece)
}

// follow adds the next fragment of a channel's Reliable message.
func (s *Stage) follow(p *pipeline.Packet, channel uint32, piece []byte) pipeline.Verdict {
	p.Channel, p.Intent = channel, pipeline.Reliable
	return s.add(p, fragment.Piece{
		Intent: pipeline.Reliable, Channel: channel,
		Size: int(binary.BigEndian.Uint32(piece)), Offset: int(binary.BigEndian.Uint32(piece[4:])), Data: piece[pieceHeader:],
	})
}

func (s *Stage) add(p *pipeline.Packet, piece fragment.Piece) pipeline.Verdict {
	payload, r := s.fragments.Add(s.holder(p), piece, p.Now)
	s.countLosses()
	switch r {
	case fragment.Stored:
		return pipeline.Consumed
	case fragment.Complete:
		s.whole = payload
		s.deliver(p, piece.Channel, piece.Intent, payload)
		p.Began = piece.Order
		return pipeline.Accept
	case fragment.Duplicate:
		return DropDuplicate
	case fragment.Superseded:
		return DropSuperseded
	case fragment.Full:
		return DropFragmentsFull
	}
	p.Strike()
	return DropFragment
}

// supersede drops what is incomplete of a Latest channel, on which a whole message has
// arrived in p.
func (s *Stage) supersede(p *pipeline.Packet, channel uint32) {
	if h := s.session.incomplete; h != nil && !h.Empty() {
		s.fragments.Overtake(h, channel, wholeIn(p))
		s.countLosses()
	}
}

// interrupt drops what is incomplete of a Reliable channel, on which another message
// follows: no honest peer begins that before the end of the first.
func (s *Stage) interrupt(p *pipeline.Packet, channel uint32) {
	if h := s.session.incomplete; h != nil && !h.Empty() && s.fragments.Interrupt(h, channel) {
		p.Strike()
		s.countLosses()
	}
}

// countLosses has the messages counted that the table has dropped.
func (s *Stage) countLosses() {
	l := s.fragments.TakeLosses()
	if l == (fragment.Losses{}) {
		return
	}
	for _, c := range [...]struct {
		v pipeline.Verdict
		n int
	}{{DropSuperseded, l.Superseded}, {DropExpired, l.Expired}, {DropFragmentsFull, l.Evicted}, {DropFragment, l.Broken}} {
		if c.n > 0 {
			s.cfg.Lost(c.v, c.n)
		}
	}
}

// Expire drops the messages that have been incomplete for too long, and calls stalled for
// each session that does not continue a Reliable one. It returns when to call it again;
// ok is false if [Config].Assembling says that.
func (s *Stage) Expire(now pipeline.Time, stalled func(session pipeline.ID)) (next pipeline.Time, ok bool) {
	next, ok = s.fragments.Expire(now, stalled)
	s.assembling = ok
	s.countLosses()
	return next, ok
}

// clearFragments drops the incomplete messages of a session and returns their number.
func (s *Stage) clearFragments(ss *session) int {
	if ss.incomplete == nil {
		return 0
	}
	return s.fragments.Clear(ss.incomplete)
}

// FragmentBytes returns the size of the buffers of incomplete messages, of all sessions.
func (s *Stage) FragmentBytes() int { return s.fragments.Bytes() }
