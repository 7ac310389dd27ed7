package conn

import (
	"time"

	"github.com/intentra/intentra/internal/sendq"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/wire"
)

// lane is the sending half of a session's Reliable messages: at most
// [wire.ReliableWindow] messages that were sent and are not acknowledged. The zero
// value is ready to use. A message is sent again when the packet that last carried it
// is considered lost, up to fastResends times, and after the retransmission timeout,
// which doubles while nothing is acknowledged.
type lane struct {
	base, next uint64
	slots      []laneMessage     // base..next, a ring with a power-of-two length
	last       map[uint32]uint64 // channel to the last sequence in flight on it
	backoff    uint
	lost       int // number of messages to send again
}

type laneMessage struct {
	payload  []byte
	original []byte // before the user's stages, if there are any
	channel  uint32
	distance uint16
	acked    bool
	lost     bool
	tries    uint8       // how often it was sent again, up to fastResends
	epoch    pipeline.ID // of the packet that last carried it
	counter  uint64
	sentAt   pipeline.Time
}

func (l *lane) inFlight() int { return int(l.next - l.base) }

func (l *lane) full() bool { return l.inFlight() >= wire.ReliableWindow }

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
	*m = laneMessage{payload: append(m.payload[:0], payload...), original: m.original[:0], channel: channel, distance: distance}
	l.last[channel] = seq
	return m
}

func (l *lane) grow() {
	slots := make([]laneMessage, max(8, 2*len(l.slots)))
	for seq := l.base; seq < l.next; seq++ {
		slots[seq&uint64(len(slots)-1)] = *l.at(seq)
	}
	l.slots = slots
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
	for l.base < l.next && l.at(l.base).acked {
		m := l.at(l.base)
		if l.last[m.channel] == l.base {
			delete(l.last, m.channel)
		}
		l.base++
	}
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
	l, cumulative := &s.lane, o.Reliable
	if l.inFlight() == 0 || o.Acked+o.Lost+o.Unlost == 0 && cumulative <= l.base {
		return
	}
	before := l.base
	for seq := l.base; seq < l.next; seq++ {
		m := l.at(seq)
		if m.acked {
			continue
		}
		t := e.tracker(s, m.epoch)
		switch {
		case seq < cumulative, t != nil && t.Acked(m.counter):
			l.acknowledge(m)
		case m.tries < fastResends && (t == nil || t.Lost(m.counter)):
			l.lose(m)
		}
	}
	l.release()
	if l.base > before {
		l.backoff = 0
	}
	if l.lost > 0 || l.inFlight() < wire.ReliableWindow {
		e.touch(s)
	}
}

// laneDeadline returns when the oldest message in flight times out.
func (e *Endpoint) laneDeadline(s *session) (pipeline.Time, bool) {
	l := &s.lane
	if l.inFlight() == 0 || l.lost > 0 {
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
	return min(e.rto(s)<<min(s.lane.backoff, 8), maxRTO)
}

// laneTimeout marks all messages to be sent again whose timeout has expired.
func (e *Endpoint) laneTimeout(s *session, now pipeline.Time) {
	at, ok := e.laneDeadline(s)
	if !ok || now < at {
		return
	}
	l := &s.lane
	limit := now - pipeline.Time(e.laneRTO(s))
	for seq := l.base; seq < l.next; seq++ {
		if m := l.at(seq); !m.acked && m.sentAt <= limit {
			l.lose(m)
		}
	}
	l.backoff++
	e.touch(s)
}

// loseAll marks the unacknowledged messages in packets of ep to be sent again.
func (e *Endpoint) loseAll(s *session, ep *epoch) {
	l := &s.lane
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
	l := &s.lane
	if l.inFlight() == 0 {
		return
	}
	var back []sendq.Message
	for seq := l.base; seq < l.next; seq++ {
		m := l.at(seq)
		if before := seq - uint64(m.distance); before >= l.base && !l.at(before).acked {
			m.acked = false
		}
		if m.acked {
			continue
		}
		payload := m.payload
		if e.out.HasMessageStages() {
			// The stages process it again: they may have state for each session.
			payload = m.original
		}
		back = append(back, sendq.Message{Channel: m.channel, Payload: payload})
	}
	e.stats.Abandoned += uint64(s.peer.queue.Restore(back))
	s.lane = lane{}
}
