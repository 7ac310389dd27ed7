package ack

import (
	"time"

	"github.com/intentra/intentra/internal/fragment"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// The stage's drops, in the order of Reasons: of packets, then of messages.
const (
	DropUnopened = pipeline.DropFirst + iota
	DropNoSession
	DropMalformed
	DropUnsent
	DropSkipped
	DropBackwards
	DropExcess

	DropDuplicate
	DropWindow
	DropDistance
	DropHeldFull
	DropReceiverFull
	DropClosed
	DropFragment
	DropSuperseded
	DropExpired
	DropFragmentsFull
)

// What we chose.
const (
	// DefaultDelay is the longest time that an acknowledgement waits for a packet
	// with data, and the shortest time between two of a session, if the peer
	// waits for it: after a Reliable message, a Ping or a handshake step. The protocol
	// allows 25 ms. The rest is for timers that are late: a peer on a fast path sends
	// Reliable messages again after 30 ms.
	DefaultDelay = 20 * time.Millisecond
	// DefaultLazyDelay is the same for packets with only Realtime and Latest
	// messages, which are never sent again: their acknowledgements serve only to
	// measure loss and round-trip time. With 25 ms a peer that sends 40 packets/s
	// would get as many in return. It is below the 250 ms after which a dialer
	// sends a Ping.
	DefaultLazyDelay = 200 * time.Millisecond
	// DefaultGapDelay is the same while a Reliable message is missing.
	DefaultGapDelay = 5 * time.Millisecond
	// DefaultEvery is the number of packets after which an acknowledgement is due
	// at once.
	DefaultEvery = 256
	// DefaultEveryBytes is the size in bytes of the datagrams after which an
	// acknowledgement is due at once: a sender that bounds what it has in flight
	// needs one for each part of its send buffer.
	DefaultEveryBytes = 64 << 10
	// DefaultHeldBytes and DefaultHeldBytesTotal limit the held Reliable messages, in
	// bytes as [HeldSize] counts them, for one session and for all.
	DefaultHeldBytes      = 256 << 10
	DefaultHeldBytesTotal = 64 << 20
	// DefaultMaxMessage is the size of the largest message that is put together from
	// fragments, in bytes.
	DefaultMaxMessage = 64 << 10
	// DefaultFragmentBytes and DefaultFragmentBytesTotal limit the buffers of
	// messages that are incomplete, in bytes, for one session and for all. A sender
	// has at most two Reliable ones incomplete at its peer at a time, as long as it
	// sends one after the other.
	DefaultFragmentBytes      = 4 << 20
	DefaultFragmentBytesTotal = 64 << 20
	// DefaultFragmentMessages limits the number of those of one session.
	DefaultFragmentMessages = 256

	// atOnceInterval is the shortest time between two acknowledgements that the
	// peer asks for at once.
	atOnceInterval = pipeline.Time(time.Millisecond)

	// freeFrames is how many frames of a packet, messages excepted, are not counted as
	// messages against the rate of their sender. An honest packet has no more.
	freeFrames = 8

	// maxAcks is how many acknowledgements a packet may carry: one for each
	// epoch that can be alive.
	maxAcks = 3
)

// Stage is the stage "ack", the splitter of an inbound chain. It belongs to its
// chain's goroutine.
type Stage struct {
	cfg      Config
	sessions pipeline.Slots[session]
	rings    ringPool
	buffers  bufferPool
	held     int // bytes of buffers held in all sessions

	fragments  *fragment.Table
	assembling bool   // Assembling was called, and Expire has not found the table empty since
	piece      []byte // scratch: a Reliable fragment with its pieceHeader

	// The current packet.
	session   *session
	rest      []byte // frames that Next has not parsed
	parsed    int    // bytes of the first of them, if frame holds it already
	eliciting bool
	urgent    bool   // the peer waits for an acknowledgement
	atOnce    bool   // the peer asks for it at once
	releasing bool   // after the last delivery a held message may be released
	origin    uint64 // of the next message, if its Origin frame was parsed
	within    uint32
	borrowed  []byte // payload of a released message, returned to the pool later
	whole     []byte // payload of a message from fragments, returned to the table later

	frame   wire.Frame // scratch; large, so it is not on the stack
	outcome Outcome    // scratch; on the stack it would escape through Acked
}

type session struct {
	rtt     RTT
	reorder Reorder
	epochs  [maxAcks]*epoch
	lastAck pipeline.Time
	// reliableSent is one above the highest sequence number sent.
	reliableSent uint64
	silent       bool // no longer acknowledges
	capabilities wire.Capabilities
	incomplete   *fragment.Holder // nil before the first fragment
}

type epoch struct {
	id      pipeline.ID
	seq     uint32
	tracker Tracker
	history History
	// urgent means that the peer waits for an acknowledgement, since urgentAt, and
	// atOnce that it has asked for one at once.
	urgent, atOnce bool
	// bytes is the size of the ack-eliciting packets that are not acknowledged.
	bytes    int32
	urgentAt pipeline.Time
}

var (
	_ pipeline.Stage           = (*Stage)(nil)
	_ pipeline.Splitter        = (*Stage)(nil)
	_ pipeline.Settler         = (*Stage)(nil)
	_ pipeline.Guard           = (*Stage)(nil)
	_ pipeline.SessionObserver = (*Stage)(nil)
	_ pipeline.EpochObserver   = (*Stage)(nil)
	_ pipeline.Warmer          = (*Stage)(nil)
)

// New returns the stage.
func New(cfg Config) *Stage {
	cfg = cfg.withDefaults()
	return &Stage{cfg: cfg, fragments: fragment.New(fragment.Limits{
		HolderBytes: cfg.FragmentBytes, TotalBytes: cfg.FragmentBytesTotal, HolderMessages: cfg.FragmentMessages,
	})}
}

// Name returns "ack".
func (s *Stage) Name() string { return "ack" }

// Reasons names the drops.
func (s *Stage) Reasons() []string {
	return []string{
		"unopened", "no_session", "malformed", "unsent", "skipped", "backwards", "excess",
		"duplicate", "window", "distance", "held_full", "receiver_full", "closed",
		"fragment", "superseded", "expired", "fragments_full",
	}
}

// Guards names what the stage guards against.
func (s *Stage) Guards() string { return "false acknowledgements" }

// Process checks all frames of the packet, then applies acknowledgements and control
// frames. Next returns the messages.
func (s *Stage) Process(p *pipeline.Packet) pipeline.Verdict {
	s.rest, s.parsed, s.releasing = nil, 0, false
	s.origin = 0
	if !p.Opened() {
		return DropUnopened
	}
	s.session = s.sessions.Get(p.Session)
	if s.session == nil || s.session.byID(p.Epoch) == nil {
		return DropNoSession
	}
	control, v := s.check(p)
	if v != pipeline.Accept {
		p.Strike()
		return v
	}
	s.rest = p.Payload()
	if control {
		s.apply(p)
		s.parsed = 0
	}
	return pipeline.Accept
}

// check checks every frame and changes nothing. It reports whether there are frames
// other than messages and padding.
func (s *Stage) check(p *pipeline.Packet) (control bool, v pipeline.Verdict) {
	s.eliciting, s.urgent, s.atOnce = false, false, false
	acks, others, before := 0, 0, wire.FramePadding
	b := p.Payload()
	if len(b) == 0 {
		return false, DropMalformed
	}
	for len(b) > 0 {
		if _, from, end := wire.ParseState(b); end > 0 && end < len(p.Payload()) {
			before = wire.FrameType(b[0])
			p.Messages++
			p.MessageBytes += uint32(end - from)
			s.parsed, s.eliciting = 0, true
			b = b[end:]
			continue
		}
		n := s.frame.Parse(b)
		t := s.frame.Type
		if n == 0 || t.Capability()&^s.session.capabilities != 0 || !follows(t, before) {
			return false, DropMalformed
		}
		before = t
		if t == wire.FrameFragment && !s.possible(p) {
			return false, DropMalformed
		}
		s.parsed = 0
		if n == len(p.Payload()) {
			s.parsed = n // a packet of one frame, which is parsed once
		}
		b = b[n:]
		if t.IsMessage() || t == wire.FrameFragment {
			p.Messages++
			p.MessageBytes += uint32(len(s.frame.Payload))
		} else if t != wire.FrameOrigin { // which its message has paid for
			if others++; others > freeFrames {
				p.Messages++
			}
		}
		s.eliciting = s.eliciting || t.AckEliciting()
		s.urgent = s.urgent || t == wire.FrameReliable || !t.IsMessage() && t.AckEliciting()
		s.atOnce = s.atOnce || t == wire.FrameAckNow || t == wire.FrameProbe
		control = control || !t.IsMessage() && t != wire.FramePadding && t != wire.FrameFragment
		if t != wire.FrameAck {
			continue
		}
		if acks++; acks > maxAcks {
			return false, DropExcess
		}
		if s.frame.Ack.Reliable > s.session.reliableSent {
			return false, DropUnsent
		}
		e := s.session.bySeq(s.frame.Ack.Epoch)
		if e == nil {
			// The epoch may have closed while the packet was in flight.
			continue
		}
		if v := e.tracker.Check(&s.frame.Ack, s.carrier(p)); v.Dropped() {
			return false, v
		}
	}
	if before == wire.FrameOrigin {
		return false, DropMalformed
	}
	return control, pipeline.Accept
}

// follows reports whether a frame of type t may follow one of the other type: an Origin
// belongs to the message after it, and an AckTime to the acknowledgement before it.
func follows(t, before wire.FrameType) bool {
	if before == wire.FrameOrigin {
		return t.IsMessage() || t == wire.FrameFragment
	}
	return t != wire.FrameAckTime || before == wire.FrameAck
}

// carrier returns a number that orders the packets of a session across epochs.
func (s *Stage) carrier(p *pipeline.Packet) uint64 {
	return uint64(p.EpochSeq)<<32 | p.Counter&(1<<32-1)
}

// apply acts on the frames that are not messages. All frames are valid.
func (s *Stage) apply(p *pipeline.Packet) {
	for b := p.Payload(); len(b) > 0; {
		b = b[s.frame.Parse(b):]
		switch {
		case s.frame.Type == wire.FrameAck:
			s.acknowledged(p, &s.frame.Ack, b)
		case s.frame.Type >= wire.FrameClose && s.frame.Type <= wire.FrameRekey:
			s.cfg.Control(p, &s.frame)
		}
	}
	s.overtake(p)
}

// overtake decides packets of the epoch before that of p. It is called after all
// acknowledgements of p, of which one may be of that epoch.
func (s *Stage) overtake(p *pipeline.Packet) {
	e := s.session.byID(p.Epoch)
	if e == nil {
		return // a control frame has closed it
	}
	if before := s.session.before(e); before != nil {
		s.outcome = Outcome{}
		if before.tracker.overtakenBy(&e.tracker, &s.outcome); s.outcome.Lost > 0 {
			s.cfg.Acked(p, &s.outcome)
		}
	}
}

// acknowledged applies an acknowledgement. rest are the frames after it.
func (s *Stage) acknowledged(p *pipeline.Packet, a *wire.Ack, rest []byte) {
	e := s.session.bySeq(a.Epoch)
	if e == nil || e.tracker.Check(a, s.carrier(p)) != pipeline.Accept {
		return
	}
	s.outcome = Outcome{Reliable: a.Reliable, Delay: time.Duration(a.Delay) * wire.AckDelayUnit}
	o := &s.outcome
	e.tracker.Apply(a, s.carrier(p), p.Now, o)
	if o.HasSample {
		s.session.rtt.Update(o.Sample, o.Delay)
		o.PeerTime, o.HasPeerTime = wire.PeekAckTime(rest)
	}
	s.cfg.Acked(p, o)
}

// Next makes the next message of the packet the current one.
func (s *Stage) Next(p *pipeline.Packet) (pipeline.Verdict, bool) {
	s.giveBack()
	for s.releasing || len(s.rest) > 0 {
		if s.releasing {
			if v := s.release(p); v != pipeline.Consumed {
				return v, true
			}
			continue
		}
		f, n := &s.frame, s.parsed
		if n == 0 {
			if channel, from, end := wire.ParseState(s.rest); end > 0 {
				frame := s.rest[:end:end]
				s.rest = s.rest[end:]
				s.state(p, channel, pipeline.Intent(frame[0]), frame[from:])
				return pipeline.Accept, true
			}
			n = f.Parse(s.rest)
		}
		if n == 0 {
			// A later stage has written beyond its message, so that frames are no
			// longer as check found them.
			s.rest = nil
			p.LeaveUnacknowledged()
			return DropMalformed, true
		}
		s.rest, s.parsed = s.rest[n:], 0
		if v := s.message(p, f); v != pipeline.Consumed {
			return v, true
		}
	}
	return 0, false
}

// message decides about one frame. Consumed means that it carries no message, or
// one that is not to be delivered yet; it is counted when it is delivered.
func (s *Stage) message(p *pipeline.Packet, f *wire.Frame) pipeline.Verdict {
	if f.Type == wire.FrameRealtime || f.Type == wire.FrameLatest {
		s.state(p, f.Channel, pipeline.Intent(f.Type), f.Payload)
		return pipeline.Accept
	}
	p.Origin, p.Within, s.origin = s.origin, s.within, 0
	switch f.Type {
	case wire.FrameReliable:
		if v := s.reliable(p, f); v != pipeline.Accept {
			return v
		}
		s.interrupt(p, f.Channel)
	case wire.FrameFragment:
		return s.fragment(p, f)
	case wire.FrameGivenUp:
		s.givenUp(p, f)
		return pipeline.Consumed
	case wire.FrameOrigin:
		s.origin, s.within = f.Time, f.Within
		return pipeline.Consumed
	default:
		return pipeline.Consumed
	}
	s.deliver(p, f.Channel, pipeline.Intent(f.Type), f.Payload)
	return pipeline.Accept
}

// release makes the message the current one that was held until the last delivery.
// Consumed means that no message was held, or a fragment that does not complete one, or
// a notice.
func (s *Stage) release(p *pipeline.Packet) pipeline.Verdict {
	channel, payload, what := s.session.reorder.release()
	if s.borrowed = payload; payload != nil {
		s.held -= heldOverhead + cap(payload)
	}
	p.Origin, p.Within = s.rings.origin, s.rings.within
	switch what {
	case received:
		s.interrupt(p, channel)
		s.deliver(p, channel, pipeline.Reliable, payload)
		return pipeline.Accept
	case receivedPiece:
		return s.follow(p, channel, payload)
	case receivedNotice:
		s.notice(p, channel)
		return pipeline.Consumed
	}
	s.releasing = false
	return pipeline.Consumed
}

// reliable decides about one Reliable message. Consumed means that it is held; it is
// counted when it is released.
func (s *Stage) reliable(p *pipeline.Packet, f *wire.Frame) pipeline.Verdict {
	r := &s.session.reorder
	p.Channel, p.Intent = f.Channel, pipeline.Reliable
	v := r.Offer(f.Seq, f.Distance)
	switch {
	case v == DropWindow || v == DropDistance:
		p.Strike()
	case v == pipeline.Accept && !s.cfg.Room(p):
		p.LeaveUnacknowledged()
		return DropReceiverFull
	case v == pipeline.Accept:
		r.Deliver(f.Seq)
		s.releasing = true
	case v == pipeline.Consumed:
		if !s.mayHold(p, len(f.Payload)) {
			return DropHeldFull
		}
		payload := s.buffers.copy(f.Payload)
		s.held += heldOverhead + cap(payload)
		r.Hold(f.Seq, f.Distance, f.Channel, payload)
		r.stamp(f.Seq, p.Origin, p.Within)
	}
	return v
}

// mayHold reports whether there is room to hold n more bytes. Otherwise the packet stays
// unacknowledged.
func (s *Stage) mayHold(p *pipeline.Packet, n int) bool {
	n = HeldSize(n)
	if _, bytes := s.session.reorder.Held(); bytes+n > s.cfg.HeldBytes || s.held+n > s.cfg.HeldBytesTotal {
		p.LeaveUnacknowledged()
		return false
	}
	return true
}

// Settle records a packet that has been accepted, to be acknowledged.
func (s *Stage) Settle(p *pipeline.Packet, v pipeline.Verdict) {
	s.giveBack()
	if v != pipeline.Accept || !p.Fresh() || p.Unacknowledged() {
		return
	}
	// A handler may have closed the session.
	if ss := s.sessions.Get(p.Session); ss != nil {
		if e := ss.byID(p.Epoch); e != nil {
			e.history.Record(p.Counter, p.Now, s.eliciting)
			s.owe(p, ss, e)
		}
	}
}

func (s *Stage) owe(p *pipeline.Packet, ss *session, e *epoch) {
	if !s.eliciting {
		return
	}
	n, _ := e.history.Pending()
	hurry := s.urgent && !e.urgent || s.atOnce && !e.atOnce
	if s.urgent && !e.urgent {
		e.urgent, e.urgentAt = true, p.Now
	}
	e.atOnce = e.atOnce || s.atOnce
	e.bytes = min(e.bytes+int32(min(len(p.Data), 1<<16)), 1<<30)
	if !hurry && n > 1 && n < s.cfg.Every && int(e.bytes) < s.cfg.EveryBytes && !ss.reorder.Gap() {
		return // Owed was called with an earlier time
	}
	s.cfg.Owed(p, s.due(ss, e))
}
