package conn

import (
	"time"

	"github.com/intentra/intentra/internal/clock"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/wire"
)

// peerClock is what a session knows of the clock of its peer. A session has one if the
// clock is wanted: it exchanges packets with the peer for that.
type peerClock struct {
	clock.Estimate
	wanted   pipeline.Time // until when
	askedAt  pipeline.Time // when the peer was asked last
	askedFor uint8         // how many exchanges of the first few
}

// What we chose.
const (
	// clockWanted is for how long a clock is observed after it was of use.
	clockWanted = 10 * time.Second
	// clockEvery is the time between two exchanges, during which the bound grows by
	// clock.Drift. The first few, of which the fastest counts, come after clockFirst.
	clockEvery     = time.Second
	clockFirst     = 20 * time.Millisecond
	clockExchanges = 8
)

// ClockDrift is the time in which the clocks of two peers may drift apart by one unit of
// it: their rates may differ by 200 millionths.
const ClockDrift = clock.Drift

// Clock is what an endpoint knows of the clock of a peer. Clocks show Config.ClockStart
// at the time zero of their endpoints.
type Clock struct {
	// Known is false before the first exchange of packets.
	Known bool
	// Ahead is by how much the peer's clock was ahead of this endpoint's at the time
	// At, and Within how far that may be from the truth. Later than that, add 1/ClockDrift
	// of the time since.
	Ahead, Within time.Duration
	At            pipeline.Time
}

// PeerClock returns what is known of the peer's clock at the time now, in the present
// session.
func (e *Endpoint) PeerClock(p *Peer, now pipeline.Time) Clock {
	e.checked()
	p.checked()
	if s := p.session; s != nil && s.clock() != nil {
		ahead, within, ok := s.clock().Offset(time.Duration(now))
		return Clock{ok, ahead, within, now}
	}
	return Clock{}
}

// WantClock has the endpoint observe the peer's clock for the next 10 s: it exchanges a
// few small packets with it at once, and then one each second.
func (e *Endpoint) WantClock(p *Peer, now pipeline.Time) {
	e.checked()
	p.checked()
	if s := p.session; s != nil {
		e.wantClock(s, now)
	}
}

// clock returns what is known of the peer's clock, or nil if it was never wanted.
func (s *session) clock() *peerClock {
	if s.more == nil {
		return nil
	}
	return s.more.clock
}

func (e *Endpoint) wantClock(s *session, now pipeline.Time) {
	if s.capabilities&wire.CapAckTime == 0 {
		return
	}
	m := s.extra()
	if m.clock == nil {
		m.clock = new(peerClock)
	}
	c := m.clock
	if c.wanted < now {
		c.askedFor = 0
		e.touch(s) // for the timer
	}
	c.wanted = later(now, clockWanted)
}

// Origin returns when a message of p was created, on this endpoint's clock, and how far
// that may be from the truth. origin and inaccuracy are those of the packet that delivers it at
// the time now; see pipeline.Packet. ok is false if the message does not say, or the clock
// of its sender is not known yet.
func (e *Endpoint) Origin(p *Peer, origin uint64, inaccuracy uint32, now pipeline.Time) (at pipeline.Time, within time.Duration, ok bool) {
	e.checked()
	p.checked()
	if origin == 0 || p.session == nil || p.session.clock() == nil {
		return 0, 0, false
	}
	ahead, within, ok := p.session.clock().Offset(time.Duration(now))
	if !ok {
		return 0, 0, false
	}
	at = e.fromMicros(origin) - pipeline.Time(ahead)
	// The sender has rounded down to a microsecond, and the offset is that of now: since
	// the message was created the clocks have drifted.
	drifted := time.Duration(max(now-at, 0) / ClockDrift)
	return at, within + drifted + (time.Duration(inaccuracy)+1)*time.Microsecond, true
}

// Micros returns a time as the endpoint's clock tells it to peers, in microseconds. A
// message carries it as the time of its origin.
func (e *Endpoint) Micros(t pipeline.Time) uint64 {
	e.checked()
	return uint64(max((e.cfg.ClockStart+int64(t))/int64(time.Microsecond), 1)) & wire.MaxTime
}

// mostMicros is a time, 146 years after the start of a clock, beyond which sums could
// overflow.
const mostMicros = 1 << 62 / uint64(time.Microsecond)

// fromMicros is the inverse of Micros, for this clock or one that it is compared with.
func (e *Endpoint) fromMicros(micros uint64) pipeline.Time {
	return pipeline.Time(int64(min(micros, mostMicros))*int64(time.Microsecond) - e.cfg.ClockStart)
}

// clockAt returns when the peer is to be asked for its time.
func (s *session) clockAt() (pipeline.Time, bool) {
	c := s.clock()
	if c == nil || !s.confirmed {
		return 0, false
	}
	at := c.askedAt
	if c.askedFor < clockExchanges {
		at = later(at, clockFirst)
	} else {
		at = later(at, clockEvery)
	}
	return at, at < c.wanted
}

// clockTimeout asks the peer for its time if that is due: the next packet, or a Ping,
// requests an acknowledgement at once, which says when it arrived.
func (e *Endpoint) clockTimeout(s *session, now pipeline.Time) {
	if at, ok := s.clockAt(); !ok || now < at {
		return
	}
	c := s.clock()
	c.askedAt, c.askedFor = now, min(c.askedFor+1, clockExchanges)
	s.pingDue = true
	e.requestAck(s)
}

// clockSample adds an exchange. The packet was sent at now - o.Sample, arrived at
// o.PeerTime, and its acknowledgement was sent o.Delay later, both on the peer's clock
// and rounded down.
func (e *Endpoint) clockSample(s *session, o *ack.Outcome, now pipeline.Time) {
	if s.clock() == nil || !o.HasPeerTime {
		return
	}
	arrived := e.fromMicros(o.PeerTime)
	sent := now - pipeline.Time(o.Sample)
	low := arrived + pipeline.Time(o.Delay) - now
	high := arrived + pipeline.Time(time.Microsecond) - sent
	s.clock().Add(time.Duration(low), time.Duration(high), time.Duration(sent), time.Duration(now))
}
