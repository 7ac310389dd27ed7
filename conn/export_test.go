package conn

import (
	"net/netip"
	"reflect"
	"time"

	"golang.org/x/time/rate"

	"github.com/intentra/intentra/internal/fair"
	"github.com/intentra/intentra/internal/inflight"
	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/wire"
)

// This file exports what the tests of package conn_test, which run on the
// network of package sim, need to see of an endpoint or to bring about in it.

// Constants of the implementation.
const (
	FastResends   = fastResends
	FinalTries    = finalTries
	FirstRetry    = firstRetry
	MaxCandidates = maxCandidates
	TransmitBatch = transmitBatch
	TransmitBytes = transmitBytes
	LeastPatience = leastPatience
	LeastSlots    = leastSlots
	MaxTokens     = maxTokens
	MaxWaiting    = maxWaiting
	MostPatience  = mostPatience
	WaitLife      = waitLife
	WaitRetry     = waitRetry
)

// TestSession is a session as tests see it.
type TestSession struct {
	e *Endpoint
	s *session
}

// SessionOf returns the peer's session, or nil. Two results for one session are
// not the same pointer; see Is.
func (e *Endpoint) SessionOf(p *Peer) *TestSession {
	if p == nil || p.session == nil {
		return nil
	}
	return &TestSession{e, p.session}
}

// Is reports whether both are the same session of one endpoint.
func (s *TestSession) Is(o *TestSession) bool { return o != nil && s.s == o.s }

// Hash returns the handshake hash of the current epoch, the same at both ends.
func (s *TestSession) Hash() [32]byte { return s.s.current.hash }

// Dialer reports whether the endpoint dialled the session.
func (s *TestSession) Dialer() bool { return s.s.dialer }

// Suite returns the cipher suite.
func (s *TestSession) Suite() wire.Suite { return s.s.suite }

// MaxDatagram returns the largest datagram that both ends take.
func (s *TestSession) MaxDatagram() int { return int(s.s.maxDatagram) }

// Capabilities returns those that both ends have.
func (s *TestSession) Capabilities() wire.Capabilities { return s.s.capabilities }

// LoseCapabilities has the session continue as if the peer had announced none.
func (s *TestSession) LoseCapabilities() {
	s.s.maxMessage = 0
	s.s.capabilities = 0
	s.e.set.Ack.SetCapabilities(s.s.id, 0)
}

// RequestAck has the next packet ask for an acknowledgement at once.
func (s *TestSession) RequestAck() { s.e.requestAck(s.s) }

// ID returns the session's ID.
func (s *TestSession) ID() pipeline.ID { return s.s.id }

// TooLarge is HandleTooLarge for a session and a size.
func (e *Endpoint) TooLarge(session pipeline.ID, size int, now pipeline.Time) {
	e.tooLarge(session, size, now)
}

// HasMTU reports whether there is a search for the path's MTU.
func (s *TestSession) HasMTU() bool { return s.s.mtu != nil }

// SendProbe sends a probe of size bytes.
func (s *TestSession) SendProbe(size int, now pipeline.Time) { s.e.sendProbe(s.s, size, now) }

// HasPath reports whether a candidate address is being validated.
func (s *TestSession) HasPath() bool { return s.s.path != nil }

// Unanswered reports whether a packet is still without an answer.
func (s *TestSession) Unanswered() bool { return s.s.asked != 0 }

// Epochs returns the number of live epochs.
func (s *TestSession) Epochs() int { return len(s.s.epochs()) }

// Current, Previous and Next return the IDs of the epochs, zero for none.
func (s *TestSession) Current() pipeline.ID { return s.s.current.id }

// Previous is described at Current.
func (s *TestSession) Previous() pipeline.ID { return epochID(s.s.previous) }

// Next is described at Current.
func (s *TestSession) Next() pipeline.ID { return epochID(s.s.next) }

func epochID(ep *epoch) pipeline.ID {
	if ep == nil {
		return 0
	}
	return ep.id
}

// RemoteIndex returns the peer's receiver index of the current epoch.
func (s *TestSession) RemoteIndex() uint32 { return s.s.current.remoteID }

// Rekeying reports whether a rekey is under way.
func (s *TestSession) Rekeying() bool { return s.s.rekey.active() }

// Tracker returns a copy of the state of the packets sent in the current epoch.
func (s *TestSession) Tracker() ack.Tracker { return *s.e.tracker(s.s, s.s.current.id) }

// RTT returns the round-trip time as measured.
func (s *TestSession) RTT() ack.RTT { return s.e.set.Ack.RTT(s.s.id) }

// RTO returns the retransmission time-out.
func (s *TestSession) RTO() time.Duration { return s.e.rto(s.s) }

// ReliableInFlight returns how many Reliable messages are unacknowledged.
func (s *TestSession) ReliableInFlight() int { return s.s.lane.inFlight() }

// LaneSlots returns for how many Reliable messages the session has memory.
func (s *TestSession) LaneSlots() int { return len(s.s.lane.slots) }

// AnnounceWindow has the handshakes from now on announce another Window.
func (e *Endpoint) AnnounceWindow(n uint16) { e.window = n }

// NextReliable returns the sequence number of the next Reliable message.
func (s *TestSession) NextReliable() uint64 { return s.s.lane.next }

// ReliableAcked reports whether the Reliable message in flight is acknowledged.
func (s *TestSession) ReliableAcked(seq uint64) bool { return s.s.lane.at(seq).acked }

// HeldBytes returns the bytes of received messages held back behind a gap.
func (s *TestSession) HeldBytes() int { return s.e.set.Ack.SessionHeldBytes(s.s.id) }

// SendFrames sends a well-sealed packet of any frames, as a malicious peer may.
func (s *TestSession) SendFrames(frames []byte, now pipeline.Time) bool {
	return s.e.sendControl(s.s, s.s.route(now), frames, now)
}

// SkipNextCounter has the next packet leave a counter out, which it returns.
func (s *TestSession) SkipNextCounter() uint64 {
	s.s.current.skipAt = s.e.tracker(s.s, s.s.current.id).Next()
	return s.s.current.skipAt
}

// SetPacing makes the sender ignore the rate that its peer has announced.
func (s *TestSession) SetPacing(rate, burst uint32) {
	s.s.pacer = newPacer(rate, burst)
	s.s.messageRate, s.s.byteRate, s.s.more = 0, 0, nil
}

// StartRekey begins a rekey at once.
func (s *TestSession) StartRekey(now pipeline.Time) { s.e.startRekey(s.s, now) }

// AbandonRekey abandons the rekey that is under way, if there is one.
func (s *TestSession) AbandonRekey() { s.e.abandonRekey(s.s) }

// HasRekeyFrame reports whether the frame of the rekey under way has been made: the
// Init of a dialer, the Answer of a responder.
func (s *TestSession) HasRekeyFrame() bool {
	x := s.s.rekey.exchange
	return x != nil && x.frame != nil
}

// RequireRekey makes a rekey due without the pauses between two rekeys.
func (s *TestSession) RequireRekey(now pipeline.Time) {
	s.s.current.opened, s.s.rekey.notBefore = 0, 0
	s.s.rearm = true
	s.e.touch(s.s)
}

// Received returns one more than the highest counter received in the current
// epoch.
func (s *TestSession) Received() uint64 { return s.s.current.received }

// NextCounter returns the counter of the next packet in the current epoch.
func (s *TestSession) NextCounter() uint64 { return s.e.tracker(s.s, s.s.current.id).Next() }

// SetNextCounter has the current epoch continue from a counter, as after that
// many packets.
func (s *TestSession) SetNextCounter(counter uint64) {
	t := reflect.ValueOf(s.e.tracker(s.s, s.s.current.id)).Elem()
	for _, field := range []string{"next", "low"} {
		*(*uint64)(t.FieldByName(field).Addr().UnsafePointer()) = counter
	}
}

// SkipLastCounter draws the next counter to leave out until it is the last one
// that the keys may be used with; then the one after must not be used instead.
func (s *TestSession) SkipLastCounter() {
	ep := s.s.current
	for range 1 << 14 {
		if s.e.planSkip(ep, HardPackets-skipInterval); ep.skipAt == HardPackets-1 {
			return
		}
	}
}

// SetWorn makes the current epoch due for a rekey by its age.
func (s *TestSession) SetWorn(now pipeline.Time) {
	s.s.current.softAt = now
	s.e.touch(s.s)
}

// ForbidRekeys leaves the endpoint without a budget for rekeys.
func (e *Endpoint) ForbidRekeys() { e.rekeys = rate.NewLimiter(0, 0) }

// LimitAdmissions leaves the endpoint a budget of n handshakes in all.
func (e *Endpoint) LimitAdmissions(n int) { e.admission = fair.New(0, n, [16]byte{}) }

// Keys returns the keys that the job has made, or nil.
func (j *Job) Keys() *noise.Keys { return j.keys }

// Err returns why the job has failed, or nil.
func (j *Job) Err() error { return j.err }

// JobsMade returns how many jobs the endpoint has queued so far.
func (e *Endpoint) JobsMade() uint64 { return e.jobsMade }

// HasMachine reports whether the job has the Noise machine of a handshake or a
// rekey.
func (j *Job) HasMachine() bool { return j.initiator != nil || j.responder != nil }

// Wiped reports whether all secrets of the job have been overwritten: its
// machine, the keys that it has made, and its ephemeral key.
func (j *Job) Wiped() bool {
	return (j.initiator == nil || reflect.ValueOf(*j.initiator).IsZero()) &&
		(j.responder == nil || reflect.ValueOf(*j.responder).IsZero()) &&
		(j.keys == nil || j.keys.Send == [KeySize]byte{} && j.keys.Receive == [KeySize]byte{}) &&
		j.ephemeral == [KeySize]byte{}
}

// TestHandshake is a handshake that the endpoint answers, as tests see it.
type TestHandshake struct {
	Addr           netip.AddrPort
	Index          uint32 // our receiver index
	Answered, Busy bool   // message 2 is made; a job is out
}

// OldestHandshake returns the oldest handshake of the address that has the most
// of those in flight: the next one to be evicted, unless the worker has it.
func (e *Endpoint) OldestHandshake() (h TestHandshake, ok bool) {
	most := e.halves.holders.most(0)
	if most == nil {
		return h, false
	}
	half := most.entries.Front().Value
	return TestHandshake{half.key.addr, uint32(half.index), half.response != nil, half.busy}, true
}

// HandshakeFrom returns the receiver index of a handshake in flight from the
// address and port, zero if no attempt exists; of several the highest.
func (e *Endpoint) HandshakeFrom(addr netip.AddrPort) (index uint32) {
	for key, half := range e.halves.byInit {
		if key.addr == addr {
			index = max(index, uint32(half.index))
		}
	}
	return index
}

// HandshakesOf returns how many handshakes the address has in flight.
func (e *Endpoint) HandshakesOf(addr netip.Addr) int {
	return e.halves.held(source(netip.AddrPortFrom(addr, 0)))
}

// MostHandshakes returns the most handshakes that any address has in flight.
func (e *Endpoint) MostHandshakes() int { return e.halves.holders.top }

// EvictedInJobs returns how many handshakes are over but still have a job out.
func (e *Endpoint) EvictedInJobs() int { return e.halves.orphans }

// IndexesEverUsed returns how many receiver indexes have been in use at a time.
func (e *Endpoint) IndexesEverUsed() int { return int(e.epochIDs.next) }

// IndexesFree returns how many of those are free.
func (e *Endpoint) IndexesFree() int { return len(e.epochIDs.free) }

// Admit asks for the admission of one handshake from the address.
func (e *Endpoint) Admit(addr netip.Addr, now pipeline.Time) fair.Answer {
	return e.admission.Take(now, addr)
}

// DialIndex returns the receiver index of the attempt to dial the peer, which
// must be under way.
func (p *Peer) DialIndex() uint32 { return uint32(p.dial.search.attempts[0].index) }

// ID returns the peer's ID.
func (p *Peer) ID() pipeline.ID { return p.id }

// Strikes returns how many strikes are on record.
func (p *Peer) Strikes() int {
	if p.faults == nil {
		return 0
	}
	return len(p.faults.strikes.at)
}

// Strike adds a strike.
func (p *Peer) Strike(now pipeline.Time) {
	p.fault().strikes.add(now, 10, time.Minute)
}

// SetRekeyAfterPackets changes Config.RekeyAfterPackets.
func (e *Endpoint) SetRekeyAfterPackets(n int) { e.cfg.RekeyAfterPackets = n }

// ResponsesWaiting returns the most Responses that wait for the worker in any
// attempt to dial.
func (e *Endpoint) ResponsesWaiting() (most int) {
	e.timers.Each(func(t *timer) {
		if a, ok := t.Value.(*attempt); ok {
			most = max(most, len(a.responses.waiting))
		}
	})
	return most
}

// EachSession calls f for each session, confirmed or not.
func (e *Endpoint) EachSession(f func(p *Peer, s *TestSession)) {
	for _, p := range e.sortedPeers() {
		all := []*session{p.session}
		if p.dial != nil && p.dial.search != nil {
			for _, a := range p.dial.search.attempts {
				all = append(all, a.session, a.before)
			}
		}
		for _, s := range all {
			if s != nil && s.current != nil {
				f(p, &TestSession{e, s})
			}
		}
	}
}

// Peers returns all peers.
func (e *Endpoint) Peers() []*Peer { return e.sortedPeers() }

// Seal seals the packet, whose Epoch and Counter are set, and Open opens it, each
// by its stage alone.
func (e *Endpoint) Seal(p *pipeline.Packet) pipeline.Verdict { return e.set.Seal.Process(p) }

// Open is described at Seal.
func (e *Endpoint) Open(p *pipeline.Packet) pipeline.Verdict { return e.set.Open.Process(p) }

// HasEpoch reports whether the ID is that of a live epoch.
func (e *Endpoint) HasEpoch(id pipeline.ID) bool { return e.epochs.Get(id) != nil }

// TestIdentity returns the identity under which the peer knows the endpoint.
func (p *Peer) TestIdentity() Identity { return Identity{p.static} }

// InstallOneKeyForBothDirections opens a session whose keys are the same in both
// directions, which no handshake makes.
func (e *Endpoint) InstallOneKeyForBothDirections(now pipeline.Time) {
	s := &session{peer: &Peer{}, suite: wire.AESGCM, id: pipeline.MakeID(1, 1)}
	*e.sessions.Open(s.id) = s
	e.in.OpenSession(pipeline.SessionNotice{Session: s.id})
	e.openEpoch(s, 0, pipeline.MakeID(9, 1), 1, &noise.Keys{Send: [32]byte{1}, Receive: [32]byte{1}}, now)
}

// InFlight returns the bytes that are neither acknowledged nor lost.
func (s *TestSession) InFlight() int { return int(s.s.inFlight) }

// Held reports whether messages wait for the bound on what is in flight.
func (s *TestSession) Held() bool { return s.s.flight != nil && s.s.flight.held }

// Unbound lets the session have any number of bytes in flight.
func (s *TestSession) Unbound() {
	if s.s.flight == nil {
		s.e.fly(s.s)
	}
	s.s.flight.Limit = inflight.Known(1)
	s.s.flight.Resolved(inflight.Ack{Size: 1 << 28, Left: 1 << 28, RTT: 1}, 1)
}

// Returned has the bound learn from an acknowledgement.
func (s *TestSession) Returned(o ack.Outcome, now pipeline.Time) {
	if s.s.flight == nil {
		s.e.fly(s.s)
	}
	s.e.returned(s.s, &o, now)
}

// Lose ends the session without telling the peer.
func (s *TestSession) Lose(now pipeline.Time) {
	s.e.markClosing(s.s, wire.CloseLost, false)
	s.e.closeMarked(now)
}

// Outbox returns the bytes of the Realtime and Latest messages in the outbox, those of
// the Reliable ones that were not sent, and the number of messages that are repaired.
func (s *TestSession) Outbox() (state, reliable, repaired int) {
	if o := s.s.outbox; o != nil {
		return o.stateBytes, o.lent.bytes, len(o.repair)
	}
	return 0, 0, 0
}

// HasOutbox reports whether the session has an outbox.
func (s *TestSession) HasOutbox() bool { return s.s.outbox != nil }

// Forged reports whether that many packets of the peer's current keys failed to open.
func (e *Endpoint) Forged(p *Peer, limit uint64) bool { return e.forged(p.session.current, limit) }

// FragmentBytes returns the bytes of all incomplete messages.
func (e *Endpoint) FragmentBytes() int { return e.set.Ack.FragmentBytes() }
