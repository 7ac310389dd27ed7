package ack

import (
	"time"

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
)

// What we chose.
const (
	// DefaultDelay is the longest time that an acknowledgement waits for a packet
	// with data, and the shortest time between two of a session, if the peer
	// waits for it: after a Reliable message, a Ping or a handshake step.
	DefaultDelay = 25 * time.Millisecond
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
	// DefaultHeldBytes and DefaultHeldBytesTotal limit the buffers of held
	// Reliable messages, in bytes, for one session and for all.
	DefaultHeldBytes      = 256 << 10
	DefaultHeldBytesTotal = 64 << 20

	// maxAcks is how many acknowledgements a packet may carry: one for each
	// epoch that can be alive.
	maxAcks = 3
)

// Config configures a [Stage]. The zero Config works.
type Config struct {
	// Control is called for each control frame (close, path, rekey) of a packet
	// whose frames are all valid. f is valid until it returns.
	Control func(p *pipeline.Packet, f *wire.Frame) `json:"-"`
	// Acked is called with the outcome of each acknowledgement. o is valid until
	// it returns.
	Acked func(p *pipeline.Packet, o *Outcome) `json:"-"`
	// Owed is called when the session owes an acknowledgement at an earlier time
	// than before: after the first packet that is not acknowledged, or one that
	// makes the acknowledgement more urgent. See Deadline.
	Owed func(p *pipeline.Packet, at pipeline.Time) `json:"-"`
	// Room reports whether the reader of the session can take one more
	// Reliable message now.
	Room func(p *pipeline.Packet) bool `json:"-"`

	// Delay, LazyDelay, GapDelay, Every, HeldBytes and HeldBytesTotal default to
	// the constants of those names. Held payloads count with the size of their
	// buffers, which are multiples of 64 bytes.
	Delay, LazyDelay, GapDelay time.Duration
	Every                      int
	HeldBytes, HeldBytesTotal  int
}

func (c Config) withDefaults() Config {
	if c.Control == nil {
		c.Control = func(*pipeline.Packet, *wire.Frame) {}
	}
	if c.Acked == nil {
		c.Acked = func(*pipeline.Packet, *Outcome) {}
	}
	if c.Owed == nil {
		c.Owed = func(*pipeline.Packet, pipeline.Time) {}
	}
	if c.Room == nil {
		c.Room = func(*pipeline.Packet) bool { return true }
	}
	setDefault(&c.Delay, DefaultDelay)
	setDefault(&c.LazyDelay, max(DefaultLazyDelay, c.Delay))
	setDefault(&c.GapDelay, DefaultGapDelay)
	setDefault(&c.Every, DefaultEvery)
	setDefault(&c.HeldBytes, DefaultHeldBytes)
	setDefault(&c.HeldBytesTotal, DefaultHeldBytesTotal)
	return c
}

func setDefault[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Stage is the stage "ack", the splitter of an inbound chain. It belongs to its
// chain's goroutine.
type Stage struct {
	cfg      Config
	sessions pipeline.Slots[session]
	rings    ringPool
	buffers  bufferPool
	held     int // bytes of buffers held in all sessions

	// The current packet.
	session   *session
	rest      []byte // frames that Next has not parsed
	parsed    int    // bytes of the first of them, if frame holds it already
	eliciting bool
	urgent    bool   // the peer waits for an acknowledgement
	releasing bool   // after the last delivery a held message may be released
	borrowed  []byte // payload of a released message, returned to the pool later

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
}

type epoch struct {
	id      pipeline.ID
	seq     uint32
	tracker Tracker
	history History
	// urgent means that the peer waits for an acknowledgement, since urgentAt.
	urgent   bool
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
func New(cfg Config) *Stage { return &Stage{cfg: cfg.withDefaults()} }

// Name returns "ack".
func (s *Stage) Name() string { return "ack" }

// Reasons names the drops.
func (s *Stage) Reasons() []string {
	return []string{
		"unopened", "no_session", "malformed", "unsent", "skipped", "backwards", "excess",
		"duplicate", "window", "distance", "held_full", "receiver_full", "closed",
	}
}

// Guards names what the stage guards against.
func (s *Stage) Guards() string { return "false acknowledgements" }

// Process checks all frames of the packet, then applies acknowledgements and control
// frames. Next returns the messages.
func (s *Stage) Process(p *pipeline.Packet) pipeline.Verdict {
	s.rest, s.parsed, s.releasing = nil, 0, false
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
	s.eliciting, s.urgent = false, false
	acks := 0
	b := p.Payload()
	if len(b) == 0 {
		return false, DropMalformed
	}
	for len(b) > 0 {
		n := s.frame.Parse(b)
		if n == 0 {
			return false, DropMalformed
		}
		s.parsed = 0
		if n == len(p.Payload()) {
			s.parsed = n // a packet of one frame, which is parsed once
		}
		b = b[n:]
		t := s.frame.Type
		s.eliciting = s.eliciting || t.AckEliciting()
		s.urgent = s.urgent || t == wire.FrameReliable || !t.IsMessage() && t.AckEliciting()
		control = control || !t.IsMessage() && t != wire.FramePadding
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
	return control, pipeline.Accept
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
			s.acknowledged(p, &s.frame.Ack)
		case s.frame.Type >= wire.FrameClose && !s.frame.Type.IsExtension():
			s.cfg.Control(p, &s.frame)
		}
	}
}

func (s *Stage) acknowledged(p *pipeline.Packet, a *wire.Ack) {
	e := s.session.bySeq(a.Epoch)
	if e == nil || e.tracker.Check(a, s.carrier(p)) != pipeline.Accept {
		return
	}
	s.outcome = Outcome{Reliable: a.Reliable}
	o := &s.outcome
	e.tracker.Apply(a, s.carrier(p), p.Now, o)
	if o.HasSample {
		s.session.rtt.Update(o.Sample, time.Duration(a.Delay)*wire.AckDelayUnit)
	}
	s.cfg.Acked(p, o)
}

// Next makes the next message of the packet the current one.
func (s *Stage) Next(p *pipeline.Packet) (pipeline.Verdict, bool) {
	s.buffers.put(s.borrowed)
	s.borrowed = nil
	if s.releasing {
		if channel, payload, ok := s.session.reorder.Release(); ok {
			s.held -= cap(payload)
			s.borrowed = payload
			p.Channel, p.Intent = channel, pipeline.Reliable
			p.SetPayload(payload)
			return pipeline.Accept, true
		}
		s.releasing = false
	}
	for len(s.rest) > 0 {
		f, n := &s.frame, s.parsed
		if n == 0 {
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
		if !f.Type.IsMessage() {
			continue
		}
		p.Channel, p.Intent = f.Channel, pipeline.Intent(f.Type)
		p.SetPayload(f.Payload)
		if f.Type != wire.FrameReliable {
			return pipeline.Accept, true
		}
		if v := s.reliable(p, f); v != pipeline.Consumed {
			return v, true
		}
	}
	return 0, false
}

// reliable decides about one Reliable message. Consumed means that it is held; it is
// counted when it is released.
func (s *Stage) reliable(p *pipeline.Packet, f *wire.Frame) pipeline.Verdict {
	r := &s.session.reorder
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
		return s.hold(p, f)
	}
	return v
}

func (s *Stage) hold(p *pipeline.Packet, f *wire.Frame) pipeline.Verdict {
	n := buffered(len(f.Payload))
	if _, bytes := s.session.reorder.Held(); bytes+n > s.cfg.HeldBytes || s.held+n > s.cfg.HeldBytesTotal {
		p.LeaveUnacknowledged()
		return DropHeldFull
	}
	s.held += n
	s.session.reorder.Hold(f.Seq, f.Distance, f.Channel, s.buffers.copy(f.Payload))
	return pipeline.Consumed
}

// Settle records a packet that has been accepted, to be acknowledged.
func (s *Stage) Settle(p *pipeline.Packet, v pipeline.Verdict) {
	s.buffers.put(s.borrowed)
	s.borrowed = nil
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
	if hurry := s.urgent && !e.urgent; hurry {
		e.urgent, e.urgentAt = true, p.Now
	} else if n > 1 && n < s.cfg.Every && !ss.reorder.Gap() {
		return // Owed was called with an earlier time
	}
	s.cfg.Owed(p, s.due(ss, e))
}
