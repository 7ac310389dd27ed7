package conn

import (
	"net/netip"
	"time"
	"unique"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/wire"
)

// session is one connection with a peer.
type session struct {
	// The fields that each packet reads come first, in two cache lines of 64 bytes.
	peer                    *Peer
	current, previous, next *epoch
	received                pipeline.Time // when the last authenticated packet came
	newest                  uint64        // order of the newest packet, for roaming
	id                      pipeline.ID
	// confirmed is set at the responder when message 3 has been accepted, and at the
	// dialer when a packet has come.
	confirmed bool
	closed    bool
	spoken    bool // the peer has sent a packet
	touched   bool // in e.touched
	rearm     bool // its timer is to be set after the next flush
	pingDue   bool
	ackDue    bool
	askDue    bool // the next packet asks for an acknowledgement at once; see requestAck
	stateTurn bool // State fills the next packet first, else Reliable
	dialer    bool // this side dialled it
	suite     wire.Suite
	// maxDatagram is the largest datagram to send.
	maxDatagram uint16
	// window is how many Reliable messages may be in flight: see lane.
	window   uint16
	inFlight int32 // bytes
	// capabilities are those that both sides have.
	capabilities wire.Capabilities
	// maxMessage is the largest message to send in fragments; zero: none.
	maxMessage int32

	remote netip.AddrPort
	local  unique.Handle[netip.Addr] // of the path; many sessions share it
	flight *flight                   // nil while little was in flight
	asked  pipeline.Time             // when the oldest packet without an answer was sent; zero: none

	// The rest is read less often, except for what sending needs.
	pacer pacer
	more  *extra // nil while the session is idle; see session.extra
	// messageRate and byteRate are what the peer accepts, as in its Hello.
	messageRate, byteRate uint32
	lastPing              pipeline.Time
	mtu                   *mtu          // nil: the base size is in use
	path                  *path         // a candidate, or nil
	final                 *candidate    // responder: message 3, until the dialer has spoken
	owedAt                pipeline.Time // its time in e.owed; zero: not in it
	instance              uint64        // of the peer's endpoint, from its Hello
	// challengesAt is when the path challenges sent so far would have been sent, had
	// they been spaced by pathRetry (the theoretical arrival time of GCRA).
	challengesAt pipeline.Time
	remoteIdle   uint32 // the other side's idle timeout in milliseconds

	timer  timer
	opened pipeline.Time
	rekey  rekey
	lane   *lane   // &noLane until the first Reliable message
	outbox *outbox // nil without large messages
}

// epochs lists the live epochs, oldest first.
func (s *session) epochs() []*epoch {
	var buf [3]*epoch
	all := buf[:0]
	for _, ep := range [...]*epoch{s.previous, s.current, s.next} {
		if ep != nil {
			all = append(all, ep)
		}
	}
	return all
}

// establish makes a session from a handshake's keys, with the receiver index that the
// caller has taken for it. It returns nil if there is no room.
func (e *Endpoint) establish(p *Peer, keys *noise.Keys, suite wire.Suite, index pipeline.ID, remoteHello wire.Hello,
	at route, dialer bool, now pipeline.Time,
) *session {
	id, ok := e.sessionIDs.take(1)
	if !ok {
		return nil
	}
	s := &session{
		id: id, peer: p, dialer: dialer, suite: suite,
		maxDatagram:  uint16(min(e.cfg.MaxDatagram, int(remoteHello.MaxDatagram))),
		window:       min(wire.ReliableWindow, remoteHello.Window),
		remoteIdle:   remoteHello.IdleTimeout,
		capabilities: remoteHello.Capabilities & wire.Supported,
		pacer:        newPacer(remoteHello.PacketRate, remoteHello.PacketBurst),
		messageRate:  remoteHello.MessageRate,
		byteRate:     remoteHello.ByteRate,
		instance:     remoteHello.Instance,
		opened:       now, received: now, lane: &noLane,
	}
	if s.capabilities&wire.CapFragments != 0 {
		s.maxMessage = int32(min(uint32(e.cfg.MaxMessage), remoteHello.MaxMessage))
	}
	s.setRoute(at)
	if e.limited() {
		e.fly(s)
	}
	s.timer.Value = s
	*e.sessions.Open(id) = s
	n := pipeline.SessionNotice{Peer: p.id, Session: id}
	e.in.OpenSession(n)
	e.out.OpenSession(n)
	e.set.Ack.SetCapabilities(id, s.capabilities)
	if s.current = e.openEpoch(s, 0, index, remoteHello.Index, keys, now); s.current == nil {
		e.release(s)
		return nil
	}
	e.stats.Sessions++
	e.armSession(s, now)
	return s
}

// confirm makes s the session of its peer, unless the existing one is kept (keepsOld).
func (e *Endpoint) confirm(s *session, now pipeline.Time) {
	s.confirmed = true
	p := s.peer
	old := p.session
	if old != nil && e.keepsOld(old, s) {
		if s.dialer {
			e.dialConfirmed(p, s)
		}
		e.markClosing(s, wire.CloseReplaced, true)
		return
	}
	if old != nil {
		reason := wire.CloseReplaced
		if s.dialer && p.dial != nil && p.dial.beside == old.id {
			reason = wire.CloseLost
		}
		e.noteTakeover(p, s, now)
		e.markClosing(old, reason, true)
	}
	p.session = s
	restarted := p.sessions > 0 && p.instance != s.instance
	p.sessions, p.instance = p.sessions+1, s.instance
	e.lingering.remove(p)
	if s.dialer {
		e.count(HandshakeDialed)
		e.dialConfirmed(p, s)
	} else {
		e.count(HandshakeAccepted)
		if p.dial != nil {
			e.yieldDial(p, now)
		}
	}
	if old == nil {
		p.queue.SetOnline(true)
	}
	switch {
	case restarted:
		e.emit(Event{Kind: PeerRestarted, Peer: p, Session: p.sessions})
	case old == nil:
		e.emit(Event{Kind: PeerUp, Peer: p, Session: p.sessions})
	}
	e.touch(s)
}

// keepsOld reports whether the old one of two sessions stays when both sides have
// dialled at once: the one that the lower static key dialled does. Both sides know
// both keys, so they agree. It applies only while the old session is known to be alive
// at the peer: a packet has come on it since shortly before the new session began.
func (e *Endpoint) keepsOld(old, s *session) bool {
	if old.dialer == s.dialer || old.closed {
		return false
	}
	if old.received < s.opened-pipeline.Time(time.Second) {
		return false
	}
	return old.dialer == old.peer.weAreLower() && old.spoken
}

// noteTakeover counts sessions that replace each other, as those of two machines with
// one key do without end.
func (e *Endpoint) noteTakeover(p *Peer, s *session, now pipeline.Time) {
	if s.dialer {
		return
	}
	e.stats.Takeovers++
	if f := p.fault(); f.takeovers.add(now, takeoverLimit, takeoverWindow) {
		f.takeovers = strikes{}
		e.emit(Event{Kind: IdentityConflict, Peer: p})
	}
}

type closing struct {
	s      *session
	reason wire.CloseReason
	notify bool
}

// markClosing ends s as soon as the chain has finished its packet. With notify the
// peer is sent a Close frame.
func (e *Endpoint) markClosing(s *session, reason wire.CloseReason, notify bool) {
	if s.closed {
		return
	}
	s.closed = true
	e.closing = append(e.closing, closing{s, reason, notify})
}

func (e *Endpoint) closeMarked(now pipeline.Time) {
	for len(e.closing) > 0 {
		c := e.closing[0]
		e.closing = append(e.closing[:0], e.closing[1:]...)
		e.closeSession(c.s, c.reason, c.notify, now)
	}
}

func (e *Endpoint) closeSession(s *session, reason wire.CloseReason, notify bool, now pipeline.Time) {
	if notify && s.current != nil {
		frame := wire.AppendClose(nil, toldReason(reason))
		e.sendControl(s, s.route(now), frame, now)
	}
	p := s.peer
	e.countClose(reason)
	e.stats.Sessions--
	if p.session == s {
		p.stats = e.PeerStats(p) // keeps the round-trip time
	}
	e.set.Ack.Release(e.in, s.id)
	e.changed(p)
	wasUp := p.session == s
	if wasUp {
		p.session = nil
	}
	e.returnUnacknowledged(s)
	e.release(s)
	e.cfg.Logger.Debug("session closed", "peer", keyText(s.peer.Key), "reason", reason.String(), "dialer", s.dialer, "up", wasUp)
	if wasUp {
		e.stats.Offline += uint64(p.queue.SetOnline(false))
		e.attend(p)
		e.emit(Event{Kind: PeerDown, Peer: p, Session: p.sessions, Reason: reason})
		e.afterDown(s, reason, now)
	}
}

// release frees what s holds.
func (e *Endpoint) release(s *session) {
	s.closed = true
	e.timers.Remove(&s.timer)
	e.land(s)
	e.abandonRekey(s)
	for _, ep := range s.epochs() {
		e.closeEpoch(s, ep)
	}
	s.previous, s.current, s.next = nil, nil, nil
	n := pipeline.SessionNotice{Peer: s.peer.id, Session: s.id}
	e.in.CloseSession(n)
	e.out.CloseSession(n)
	e.sessions.Close(s.id)
	e.sessionIDs.give(s.id)
}

// afterDown dials the peer again, or remembers it for Config.ForgetAfter.
func (e *Endpoint) afterDown(s *session, reason wire.CloseReason, now pipeline.Time) {
	p := s.peer
	if p.dial == nil {
		e.lingerPeer(p, now)
		return
	}
	e.redial(p, s.dialled(), reason, now)
}

// touch schedules s and its timer for the next Flush.
func (e *Endpoint) touch(s *session) {
	s.rearm = true
	e.touchQueue(s)
}

// touchQueue schedules s for the next Flush because messages are queued. Sending them
// sets the timer if need be.
func (e *Endpoint) touchQueue(s *session) {
	if !s.touched && !s.closed {
		s.touched = true
		e.touched = append(e.touched, s)
	}
}

// requestAck has the next packet of s that is acknowledged ask for that at once, or
// within the delay of a Ping if the peer does not understand the request. It sends no
// packet by itself; with s.pingDue one is sent even if there are no messages.
func (e *Endpoint) requestAck(s *session) { s.askDue = true }

// rto returns the retransmission timeout of s: RFC 6298 section 2, with the
// delay that the peer may take to acknowledge (RFC 9002 section 6.2.1).
func (e *Endpoint) rto(s *session) time.Duration {
	r := e.set.Ack.RTT(s.id)
	if r.Latest == 0 {
		return 2*initialRTT + maxPeerAckDelay
	}
	return max(r.Smoothed+max(4*r.Variation, time.Millisecond)+maxPeerAckDelay, minRTO)
}

func (e *Endpoint) tracker(s *session, ep pipeline.ID) *ack.Tracker {
	return e.set.Ack.Tracker(s.id, ep)
}
