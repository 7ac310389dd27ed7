package conn

import (
	"time"

	"github.com/intentra/intentra/internal/inflight"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/wire"
)

// flight bounds what a session has in flight, so that a slow route does not fill the
// socket's send buffer, which all peers share. While the bound holds a session back,
// its messages stay in the queue, where newer states replace older ones. A session
// gets a flight once it has flightFrom bytes in flight.
type flight struct {
	inflight.Limit
	place int  // in Endpoint.flights
	held  bool // messages wait for the bound
	round bool // some have waited in the present round
	short bool // the queue is shorter than configured
	// While a session is held and nothing is acknowledged, one packet may leave at
	// probeAt, since the acknowledgements may have been lost.
	asking  bool // the next packet requests an acknowledgement
	probe   bool
	probes  uint8
	probeAt pipeline.Time
	refused pipeline.Time // when its packets were dropped by Refused
	// due is when all bytes that were sent would have been sent at
	// Config.PeerBandwidth.
	due pipeline.Time
}

// Flight says how much a peer has in flight. It is zero until that was more than
// 16 KiB.
type Flight struct {
	// Bytes are in flight, and Bound is how many may be.
	Bytes, Bound int
	// Holds counts how often messages began to wait because of the bound, over all
	// sessions.
	Holds uint64
}

// PeerFlight returns what the peer has in flight.
func (e *Endpoint) PeerFlight(p *Peer) Flight {
	e.checked()
	p.checked()
	f := Flight{Holds: uint64(p.holds)}
	if s := p.session; s != nil && s.flight != nil {
		f.Bytes, f.Bound = int(s.inFlight), s.flight.Bound()
	}
	return f
}

// mayFly reports whether another packet with messages may leave now. If not, an
// acknowledgement or the timer schedules the session.
func (e *Endpoint) mayFly(s *session, now pipeline.Time) bool {
	f := s.flight
	if f == nil {
		if s.inFlight < flightFrom {
			return true
		}
		f = e.fly(s)
	}
	if allowed := f.Allows(int(s.inFlight)); allowed || f.probe {
		f.held = f.held && !allowed
		if f.Asks(int(s.inFlight), s.size()) {
			e.requestAck(s)
			f.asking = true
		}
		return true
	}
	e.hold(s, now)
	return false
}

// hold notes that messages of s wait for the bound.
func (e *Endpoint) hold(s *session, now pipeline.Time) {
	f := s.flight
	if !f.held {
		f.held, f.probes = true, 0
		f.probeAt = later(now, e.probeAfter(s))
		s.peer.holds = max(s.peer.holds, s.peer.holds+1)
	}
	f.round = true
	s.rearm = true
}

func (e *Endpoint) fly(s *session) *flight {
	s.flight = &flight{Limit: inflight.Known(e.set.Ack.RTT(s.id).Min), place: len(e.flights)}
	e.flights = append(e.flights, s)
	return s.flight
}

// land removes the flight of a session that ends.
func (e *Endpoint) land(s *session) {
	f := s.flight
	if f == nil {
		return
	}
	last := len(e.flights) - 1
	e.flights[f.place] = e.flights[last]
	e.flights[f.place].flight.place = f.place
	e.flights[last] = nil
	e.flights = e.flights[:last]
	if f.short {
		s.peer.queue.LimitState(e.queueLimits().StateBytes)
	}
	s.flight = nil
}

// flew counts a packet that elicits an acknowledgement.
func (e *Endpoint) flew(s *session, size int) {
	s.inFlight += int32(size)
	if f := s.flight; f != nil {
		asked := f.asking && !s.askDue
		f.Sent(size, asked)
		if e.limited() {
			f.due = max(f.due, e.filling.now) + pipeline.Time(int64(size)*int64(time.Second)/int64(e.cfg.PeerBandwidth))
		}
		f.probe, f.asking = false, f.asking && !asked
	}
}

// returned counts what an acknowledgement or the loss of packets has resolved.
func (e *Endpoint) returned(s *session, o *ack.Outcome, now pipeline.Time) {
	f := s.flight
	if f == nil || o.Resolved == 0 {
		return
	}
	a := inflight.Ack{Size: int(o.Resolved), Left: int(s.inFlight), Arrived: int(o.Arrived)}
	if o.HasSample && o.Delay <= maxPeerAckDelay {
		// A longer delay is that of states; subtracting it would let a peer hide
		// any queue.
		a.RTT, a.Sent = max(o.Sample-o.Delay, 1), now-pipeline.Time(o.Sample)
	}
	if f.Resolved(a, now) {
		e.refresh(s)
	}
	if f.held {
		f.probes, f.probeAt = 0, later(now, e.probeAfter(s))
		if f.Allows(int(s.inFlight)) {
			e.touch(s)
		}
	}
}

// refresh is called at the end of a round. If messages waited for the bound, and packets
// on the route, the queue of states is shortened to what leaves within freshFor:
// Realtime messages would become old in a longer one.
func (e *Endpoint) refresh(s *session) {
	f := s.flight
	usual := e.queueLimits().StateBytes
	bytes := usual
	if f.round && f.Queued() {
		bytes = min(bytes, max(int(int64(f.Rate())*int64(freshFor)/int64(time.Second)), s.size()))
	}
	f.round = f.held
	if short := bytes < usual; short || f.short {
		f.short = short
		s.peer.queue.LimitState(bytes)
	}
}

// limited reports whether Config.PeerBandwidth is a limit.
func (e *Endpoint) limited() bool { return e.cfg.PeerBandwidth < DefaultPeerBandwidth }

// paced returns when the next packet with messages may leave, by the rate that the peer
// has announced and by Config.PeerBandwidth.
func (e *Endpoint) paced(s *session) pipeline.Time {
	at := s.pacer.at()
	if s.more != nil {
		at = max(at, s.more.at())
	}
	if f := s.flight; f != nil && e.limited() {
		at = max(at, f.due-bandwidthBurst)
	}
	return at
}

// probeAfter returns after which time without an acknowledgement a held session sends
// a packet, as PTO in RFC 9002 section 6.2.1: all packets that are in flight may be
// lost, and then nothing would be acknowledged.
func (e *Endpoint) probeAfter(s *session) time.Duration {
	return min(e.rto(s)<<min(s.flight.probes, 6), maxRTO)
}

// probeAt returns when a held session may send a packet.
func (e *Endpoint) probeAt(s *session) (pipeline.Time, bool) {
	f := s.flight
	if f == nil || !f.held || f.probe {
		return 0, false
	}
	state, reliable := s.peer.queue.Peek()
	return f.probeAt, state+reliable+int(s.lane.lost) > 0 || s.outbox.waits()
}

// probeTimeout lets a packet leave if it is time.
func (e *Endpoint) probeTimeout(s *session, now pipeline.Time) {
	if at, ok := e.probeAt(s); ok && now >= at {
		f := s.flight
		f.probe = true
		f.probes = min(f.probes+1, 6)
		f.probeAt = later(now, e.probeAfter(s))
		e.requestAck(s)
		f.asking = true
	}
}

// NoneRefused is the argument of [Endpoint.Refused] for datagrams that wait already.
const NoneRefused = 1 << 30

// Refused tells the endpoint that the socket's send buffer is full: of the datagrams
// that Outgoing has returned last, the system took or lost the first done, and has no
// room for the others. It lowers the bounds of the sessions that have the most in
// flight, drops their datagrams, counted in Stats.Refused, and returns those of the
// others, which the driver sends when there is room. They are valid until the next call
// of another method of e. With [NoneRefused] it only lowers the bounds.
func (e *Endpoint) Refused(done int, now pipeline.Time) []wire.Datagram {
	e.checked().blame(now)
	rest, owners := e.arena.rest(done)
	kept := rest[:0]
	for i, d := range rest {
		slot := e.sessions.Get(owners[i])
		if slot != nil && (*slot).flight != nil && (*slot).flight.refused == e.blamedAt {
			e.stats.Refused++
			continue
		}
		kept = append(kept, d)
	}
	return kept
}

// blame lowers the bounds of the sessions that have at least half as much in flight as
// the one with the most: the full buffer is theirs. Peers with a fast route have little
// in flight, because theirs is acknowledged at once.
func (e *Endpoint) blame(now pipeline.Time) {
	if e.blamedAt != 0 && now < later(e.blamedAt, blameEvery) {
		return
	}
	e.blamedAt = now
	most := int32(0)
	for _, s := range e.flights {
		most = max(most, s.inFlight)
	}
	for _, s := range e.flights {
		if s.inFlight > 0 && s.inFlight >= most/2 {
			s.flight.Refused(int(s.inFlight), now)
			s.flight.refused = now
		}
	}
}
