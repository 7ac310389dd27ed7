package conn

import (
	"time"

	"github.com/intentra/intentra/internal/sendq"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/wire"
)

// lane is the sending half of a session's Reliable messages: those that were sent and
// are not acknowledged. A message is sent again when the packet that last carried it
// is considered lost, up to fastResends times, and after the retransmission timeout,
// which doubles while nothing is acknowledged.
type lane struct {
	base, next uint64
	slots      []laneMessage     // base..next, a ring with a power-of-two length
	last       map[uint32]uint64 // channel to the last sequence in flight on it
	window     int32             // the most messages in flight, as the peer allows
	weight     int32             // of those in flight, as laneMessage.weight
	kept       int32             // bytes of the buffers in slots
	lost       int32             // number of messages to send again
	fragments  int32             // bytes of the fragments in slots
	tokens     int32             // of messages whose fate is not known
	backoff    uint8
}

// What we chose.
const (
	// surelyInFlight is how many messages may be in flight whatever their size. Beyond
	// that they may only weigh as much as the receiver can hold if the lowest is
	// missing: it would drop the others, and they would be sent in vain. So it takes
	// small messages to use a window of more.
	surelyInFlight = wire.LeastReliableWindow
	mostWeight     = ack.DefaultHeldBytes
	// mostKept is how many bytes of buffers a lane with more slots than
	// surelyInFlight keeps, for messages that may now be smaller.
	mostKept = 1 << 20
	// laneIdle is how long such a lane is kept without messages.
	laneIdle = time.Second
)

// laneMessage is one of the slots of a lane.
type laneMessage struct {
	payload  []byte
	whole    *large     // of which payload is a part, if it is a fragment
	extra    *laneExtra // nil, or that of an earlier message in the slot, cleared
	channel  uint32
	distance uint16
	acked    bool
	lost     bool
	tries    uint8 // how often it was sent again, up to fastResends
	givenUp  bool  // only the notice that the message is not sent; no payload
	settled  bool  // acknowledged, with all before it on its channel
	priority pipeline.Priority
	epoch    pipeline.ID // of the packet that last carried it
	counter  uint64
	sentAt   pipeline.Time
}

// laneExtra is what most messages do not have.
type laneExtra struct {
	original []byte // the message before the user's stages, if there are any
	mark     sendq.Mark
}

// more returns the extra of m, which it makes if need be.
func (m *laneMessage) more() *laneExtra {
	if m.extra == nil {
		m.extra = new(laneExtra)
	}
	return m.extra
}

// keep keeps a copy of m as it was before the user's stages.
func (m *laneMessage) keep(original []byte) {
	x := m.more()
	x.original = append(x.original, original...)
}

// mark notes the mark of m.
func (l *lane) mark(m *laneMessage, mark sendq.Mark) {
	m.more().mark = mark
	if mark.Token != 0 {
		l.tokens++
	}
}

// expired reports whether m is not to be sent again.
func (m *laneMessage) expired(now pipeline.Time) bool {
	return m.extra != nil && m.extra.mark.Expires != 0 && m.extra.mark.Expires <= now && !m.givenUp
}

// noLane is shared by all sessions that have not sent a Reliable message, because of many
// peers most only send states. It is never written.
var noLane = lane{window: surelyInFlight}

// ownLane returns the lane of s to send with, and makes it if s has none.
func (s *session) ownLane() *lane {
	if s.lane == &noLane {
		s.lane = &lane{window: int32(s.window)}
	}
	return s.lane
}

func (l *lane) inFlight() int { return int(l.next - l.base) }

func (l *lane) full() bool {
	n := l.inFlight()
	return n >= int(l.window) || n >= surelyInFlight && l.weight >= mostWeight
}

// quarters returns how many quarters of the window n messages of the given weight fill.
func quarters(n, weight, window int) int {
	return max(4*n/window, min(4*n/surelyInFlight, 4*weight/mostWeight))
}

// crowded reports whether m, the newest, has filled the window to a half, to three
// quarters, or to the end. An acknowledgement is then asked for at once: without that,
// a session would be limited to one window in the 20 ms that a receiver may wait.
func (l *lane) crowded(m *laneMessage) bool {
	n, weight, window := l.inFlight(), int(l.weight), int(l.window)
	if n < surelyInFlight/2 {
		return false
	}
	q := quarters(n, weight, window)
	return q >= 2 && q > quarters(n-1, weight-m.weight(), window)
}

// weight returns what the peer needs to hold m, if it is as we are.
func (m *laneMessage) weight() int { return ack.HeldSize(len(m.payload)) }

func (l *lane) at(seq uint64) *laneMessage { return &l.slots[seq&uint64(len(l.slots)-1)] }

// following returns the number of the next message and the distance to its
// predecessor on the channel, zero if that one has been acknowledged.
func (l *lane) following(channel uint32) (seq uint64, distance uint16) {
	if before, ok := l.last[channel]; ok {
		distance = uint16(l.next - before)
	}
	return l.next, distance
}

// add takes the next message into flight. The lane is not full. It copies the
// payload.
func (l *lane) add(channel uint32, payload []byte) *laneMessage {
	if l.inFlight() == len(l.slots) {
		l.grow()
	}
	if l.last == nil {
		l.last = make(map[uint32]uint64)
	}
	seq, distance := l.following(channel)
	l.next++
	m := l.at(seq)
	if m.extra != nil {
		*m.extra = laneExtra{original: m.extra.original[:0]}
	}
	before := cap(m.payload)
	*m = laneMessage{payload: append(m.payload[:0], payload...), extra: m.extra, channel: channel, distance: distance}
	l.kept += int32(cap(m.payload) - before)
	l.weight += int32(m.weight())
	l.last[channel] = seq
	return m
}

func (l *lane) grow() { l.resize(max(8, 2*len(l.slots))) }

// resize moves the messages in flight, of which there are at most n, to n slots.
func (l *lane) resize(n int) {
	slots := make([]laneMessage, n)
	l.kept = 0
	for seq := l.base; seq < l.next; seq++ {
		m := &slots[seq&uint64(n-1)]
		*m = *l.at(seq)
		if m.whole == nil {
			l.kept += int32(cap(m.payload))
		}
	}
	l.slots = slots
}

// trim bounds the buffers of a large lane, each of which is as long as the longest
// message that it has held: those of the messages from one number up to base are not kept,
// nor are more slots than messages in flight need.
func (l *lane) trim(from uint64) {
	if len(l.slots) <= surelyInFlight || l.kept <= mostKept {
		return
	}
	if l.inFlight() <= surelyInFlight {
		l.resize(surelyInFlight)
		return
	}
	for ; from < l.base; from++ {
		m := l.at(from)
		l.kept -= int32(cap(m.payload))
		m.payload = nil
	}
}

// idleAt returns when to release the memory of a large lane without messages.
func (l *lane) idleAt() (pipeline.Time, bool) {
	if len(l.slots) <= surelyInFlight || l.inFlight() > 0 {
		return 0, false
	}
	return later(l.at(l.next-1).sentAt, laneIdle), true
}

// releaseIdle releases that memory.
func (l *lane) releaseIdle(now pipeline.Time) {
	if at, ok := l.idleAt(); ok && now >= at {
		l.slots, l.last, l.kept = nil, nil, 0
	}
}

// acknowledge marks m as acknowledged.
func (l *lane) acknowledge(m *laneMessage) {
	if m.lost {
		m.lost = false
		l.lost--
	}
	m.acked = true
}

// release advances base past the acknowledged messages.
func (l *lane) release() {
	before := l.base
	for l.base < l.next && l.at(l.base).acked {
		m := l.at(l.base)
		if l.last[m.channel] == l.base {
			delete(l.last, m.channel)
		}
		l.weight -= int32(m.weight())
		if m.whole != nil {
			l.fragments -= int32(len(m.payload))
			m.whole, m.payload = nil, nil // shared with other slots
		}
		l.base++
	}
	l.trim(before)
}

// lose marks m to be sent again.
func (l *lane) lose(m *laneMessage) {
	if !m.acked && !m.lost {
		m.lost = true
		l.lost++
	}
}

// laneAcked updates the lane with the outcome of an acknowledgement. One without news
// costs nothing, since a peer can send one with every packet.
//
// A message that an acknowledgement shows as lost is sent again at once, but only
// fastResends times: a peer could acknowledge nothing but the newest packet, and have
// all others sent again for each small packet of its own.
func (e *Endpoint) laneAcked(s *session, o *ack.Outcome) {
	l, cumulative := s.lane, o.Reliable
	if l.inFlight() == 0 || o.Acked+o.Lost+o.Unlost == 0 && cumulative <= l.base {
		return
	}
	before := l.base
	var p packetFate
	for seq := l.base; seq < l.next; seq++ {
		m := l.at(seq)
		if m.acked {
			continue
		}
		if seq >= cumulative && (m.counter != p.counter || m.epoch != p.epoch || !p.known) {
			p = e.fateOf(s, m.epoch, m.counter)
		}
		switch {
		case seq < cumulative, p.acked:
			l.acknowledge(m)
		case m.tries < fastResends && p.lost:
			l.lose(m)
		}
	}
	if l.tokens > 0 {
		e.laneSettled(s)
	}
	l.release()
	if l.base > before {
		l.backoff = 0
	}
	if l.lost > 0 || !l.full() {
		e.touch(s)
	}
}

// packetFate is the outcome of one packet. A packet carries many small messages, which
// follow each other in the lane, so it is looked up for the first of them.
type packetFate struct {
	epoch              pipeline.ID
	counter            uint64
	known, acked, lost bool
}

func (e *Endpoint) fateOf(s *session, epoch pipeline.ID, counter uint64) packetFate {
	t := e.tracker(s, epoch)
	return packetFate{epoch, counter, true, t != nil && t.Acked(counter), t == nil || t.Lost(counter)}
}

// laneSettled reports the messages with a token that the peer's chain has accepted: an
// acknowledged message may still wait there for an earlier one of its channel.
func (e *Endpoint) laneSettled(s *session) {
	l := s.lane
	for seq := l.base; seq < l.next && l.tokens > 0; seq++ {
		m := l.at(seq)
		before := seq - uint64(m.distance)
		if m.settled || !m.acked || m.distance > 0 && before >= l.base && !l.at(before).settled {
			continue
		}
		m.settled = true
		e.settle(s, m, FateAcked)
	}
}

// settle reports the fate of m, if it has a token.
func (e *Endpoint) settle(s *session, m *laneMessage, f Fate) {
	if m.extra == nil || m.extra.mark.Token == 0 {
		return
	}
	s.lane.tokens--
	e.decide(s.peer, m.channel, pipeline.Reliable, m.extra.mark, f)
	m.extra.mark.Token = 0
	if m.whole != nil {
		m.whole.mark.Token = 0
	}
}

// giveUp turns a message that has expired, and would have to be sent again, into the
// notice that it is not sent.
func (e *Endpoint) giveUp(s *session, m *laneMessage) {
	e.stats.Expired++
	e.settle(s, m, FateExpired)
	before := m.weight()
	m.givenUp, m.payload = true, m.payload[:0]
	s.lane.weight += int32(m.weight() - before)
}

// laneDeadline returns when the oldest message in flight times out.
func (e *Endpoint) laneDeadline(s *session) (pipeline.Time, bool) {
	l := s.lane
	if l.inFlight() == 0 {
		return l.idleAt()
	}
	if l.lost > 0 {
		return 0, false
	}
	oldest := pipeline.Time(1<<63 - 1)
	for seq := l.base; seq < l.next; seq++ {
		if m := l.at(seq); !m.acked {
			oldest = m.sentAt
			break
		}
	}
	return later(oldest, e.laneRTO(s)), true
}

func (e *Endpoint) laneRTO(s *session) time.Duration {
	return min(e.rto(s)<<s.lane.backoff, maxRTO)
}

// laneTimeout marks all messages to be sent again whose timeout has expired.
func (e *Endpoint) laneTimeout(s *session, now pipeline.Time) {
	at, ok := e.laneDeadline(s)
	if !ok || now < at {
		return
	}
	l := s.lane
	if l.inFlight() == 0 {
		l.releaseIdle(now)
		return
	}
	limit := now - pipeline.Time(e.laneRTO(s))
	for seq := l.base; seq < l.next; seq++ {
		if m := l.at(seq); !m.acked && m.sentAt <= limit {
			l.lose(m)
		}
	}
	if sent := at - pipeline.Time(e.laneRTO(s)); l.backoff > 0 && s.received > sent {
		// Something has arrived since, but no acknowledgement of these.
		e.suspectMTU(s, now)
	}
	l.backoff = min(l.backoff+1, 8)
	e.touch(s)
}

// loseAll marks the unacknowledged messages in packets of ep to be sent again.
func (e *Endpoint) loseAll(s *session, ep *epoch) {
	l := s.lane
	t := e.tracker(s, ep.id)
	for seq := l.base; seq < l.next; seq++ {
		if m := l.at(seq); m.epoch == ep.id && !m.acked && (t == nil || !t.Acked(m.counter)) {
			l.lose(m)
		}
	}
}

// returnUnacknowledged returns the unacknowledged messages of the session to the
// peer's queue, for the next session, and those that the peer could not deliver
// because an earlier one was missing. A message whose acknowledgement was lost arrives
// twice: delivery is exactly once only within a session.
func (e *Endpoint) returnUnacknowledged(s *session) {
	l := s.lane
	if l.inFlight() == 0 && s.outbox == nil {
		return
	}
	var back []sendq.Returned
	for seq := l.base; seq < l.next; seq++ {
		m := l.at(seq)
		if before := seq - uint64(m.distance); before >= l.base && !l.at(before).acked {
			m.acked = false
		}
		if m.acked {
			continue
		}
		if m.whole != nil {
			if !m.whole.returned {
				back = append(back, e.restored(m.whole))
			}
			continue
		}
		back = append(back, m.returned(e.out.HasMessageStages()))
	}
	back = append(back, e.clearOutbox(s)...)
	e.stats.Abandoned += uint64(s.peer.queue.Restore(back))
	s.lane = &noLane
	e.attend(s.peer)
}

// returned returns m for the queue. If there are message stages they process it again:
// they may have state for each session.
func (m *laneMessage) returned(stages bool) sendq.Returned {
	r := sendq.Returned{GivenUp: m.givenUp}
	r.Channel, r.Intent, r.Priority, r.Payload = m.channel, pipeline.Reliable, m.priority, m.payload
	if x := m.extra; x != nil && !m.givenUp {
		if stages {
			r.Payload = x.original
		}
		r.SetMark(x.mark)
	}
	return r
}
