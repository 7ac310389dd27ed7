package ack

import (
	"math/bits"
	"time"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

const (
	// trackedPackets is how many sent packets of an epoch are remembered: at
	// 10,000 packets/s, 400 ms worth.
	trackedPackets = 4096
	// reorderThreshold packets acknowledged above one make it lost, as the
	// kPacketThreshold of RFC 9002 section 6.1.1.
	reorderThreshold = 3
)

type sentState uint8

const (
	sentNone sentState = iota
	sentInFlight
	sentAcked
	sentLost
	sentSkipped
)

type sentPacket struct {
	at        pipeline.Time
	messages  uint16
	state     sentState
	eliciting bool
}

// Tracker remembers the packets sent in one epoch and what became of them. The
// zero value is ready to use.
type Tracker struct {
	ring []sentPacket // indexed by counter modulo its length, a power of two
	next uint64       // the next counter to be sent
	low  uint64       // every counter below has been decided or forgotten

	acked   uint64 // one above the largest acknowledged, zero for none
	carrier uint64 // one above the counter of the packet that brought it
}

// Outcome is what one acknowledgement, or the passing of time, has decided.
type Outcome struct {
	// Acked and Lost count ack-eliciting packets; AckedMessages and
	// LostMessages the messages in them. A packet that is acknowledged after
	// having been taken for lost counts as acked, and in Unlost.
	Acked, AckedMessages, Lost, LostMessages, Unlost, UnlostMessages uint64
	// Reliable is the cumulative acknowledgement of the reliable lane.
	Reliable uint64
	// Sample is the new round-trip sample, if HasSample.
	Sample    time.Duration
	HasSample bool
}

// Next returns the counter of the next packet.
func (t *Tracker) Next() uint64 { return t.next }

// Skip leaves out the next counter. No honest peer acknowledges it.
func (t *Tracker) Skip(o *Outcome) { t.add(sentPacket{state: sentSkipped}, o) }

// Sent records that the next counter has been sent. Packets that elicit no
// acknowledgement are not waited for. If too many are in flight, the oldest is
// given up into o.
func (t *Tracker) Sent(now pipeline.Time, messages int, eliciting bool, o *Outcome) {
	s := sentPacket{at: now, messages: uint16(min(messages, 1<<16-1)), state: sentInFlight, eliciting: eliciting}
	t.add(s, o)
}

// SentBelow records that every counter below c has been sent in a packet that
// elicits no acknowledgement. Of those too far below c to be remembered nothing
// is kept, so that it takes no longer for a large c.
func (t *Tracker) SentBelow(c uint64, now pipeline.Time, o *Outcome) {
	if c > trackedPackets && t.next < c-trackedPackets {
		t.LoseAll(o)
		clear(t.ring)
		t.low, t.next = c-trackedPackets, c-trackedPackets
	}
	for t.next < c {
		t.Sent(now, 0, false, o)
	}
}

func (t *Tracker) add(s sentPacket, o *Outcome) {
	if int(t.next-t.low) >= len(t.ring) {
		t.makeRoom(o)
	}
	t.ring[t.next&uint64(len(t.ring)-1)] = s
	t.next++
}

// makeRoom doubles the ring up to its limit. There, the oldest packet is lost.
func (t *Tracker) makeRoom(o *Outcome) {
	t.advance(t.next)
	if int(t.next-t.low) < len(t.ring) {
		return
	}
	if len(t.ring) >= trackedPackets {
		t.lose(t.at(t.low), o)
		t.low++
		return
	}
	ring := make([]sentPacket, max(8, 2*len(t.ring)))
	for c := t.next - uint64(len(t.ring)); c < t.next; c++ {
		ring[c&uint64(len(ring)-1)] = t.ring[c&uint64(len(t.ring)-1)]
	}
	t.ring = ring
}

// at returns the record of counter c, or nil if it is not remembered. A ring
// that has grown since it forgot c may also have an empty record.
func (t *Tracker) at(c uint64) *sentPacket {
	if c >= t.next || t.next-c > uint64(len(t.ring)) {
		return nil
	}
	return &t.ring[c&uint64(len(t.ring)-1)]
}

// Acked reports whether the packet with counter c is known to have arrived.
func (t *Tracker) Acked(c uint64) bool {
	r := t.at(c)
	return r != nil && r.state == sentAcked
}

// Lost reports whether the packet with counter c has been taken for lost, or
// was sent too long ago to be remembered.
func (t *Tracker) Lost(c uint64) bool {
	r := t.at(c)
	return r == nil || r.state == sentLost || r.state == sentNone
}

// Check judges an acknowledgement that came in the packet with the given
// counter, and changes nothing. It returns Accept; Consumed if the packet was
// overtaken by a newer acknowledgement and has nothing to say; or a drop.
func (t *Tracker) Check(a *wire.Ack, carrier uint64) pipeline.Verdict {
	if a.Largest >= t.next {
		return DropUnsent
	}
	if t.carrier != 0 && carrier < t.carrier {
		return pipeline.Consumed
	}
	if t.acked != 0 && a.Largest < t.acked-1 {
		return DropBackwards
	}
	if r := t.at(a.Largest); r != nil && r.state == sentSkipped {
		return DropSkipped
	}
	for i, word := range a.Bitmap {
		for ; word != 0; word &= word - 1 {
			c := a.Largest - 1 - uint64(i*64+bits.TrailingZeros64(word))
			if r := t.at(c); r != nil && r.state == sentSkipped {
				return DropSkipped
			}
		}
	}
	return pipeline.Accept
}

// Apply takes an acknowledgement that Check has accepted.
func (t *Tracker) Apply(a *wire.Ack, carrier uint64, now pipeline.Time, o *Outcome) {
	t.carrier = carrier + 1
	if r := t.at(a.Largest); r != nil && r.state == sentInFlight && r.eliciting {
		o.Sample, o.HasSample = time.Duration(now-r.at), true
	}
	t.acked = a.Largest + 1
	t.resolve(a.Largest, o)
	for i, word := range a.Bitmap {
		for ; word != 0; word &= word - 1 {
			t.resolve(a.Largest-1-uint64(i*64+bits.TrailingZeros64(word)), o)
		}
	}
	t.detectLoss(o)
}

func (t *Tracker) resolve(c uint64, o *Outcome) {
	r := t.at(c)
	if r == nil || r.state != sentInFlight && r.state != sentLost {
		return
	}
	if r.eliciting {
		if r.state == sentLost {
			o.Unlost++
			o.UnlostMessages += uint64(r.messages)
		}
		o.Acked++
		o.AckedMessages += uint64(r.messages)
	}
	r.state = sentAcked
}

// detectLoss decides all counters that lie reorderThreshold below the largest
// acknowledged.
func (t *Tracker) detectLoss(o *Outcome) {
	if t.acked <= reorderThreshold {
		return
	}
	for limit := t.acked - reorderThreshold; t.low < limit; t.low++ {
		t.lose(t.at(t.low), o)
	}
	t.advance(t.next)
}

func (t *Tracker) lose(r *sentPacket, o *Outcome) {
	if r == nil || r.state != sentInFlight {
		return
	}
	r.state = sentLost
	if r.eliciting {
		o.Lost++
		o.LostMessages += uint64(r.messages)
	}
}

// LoseAll declares every packet in flight lost, as when the epoch ends.
func (t *Tracker) LoseAll(o *Outcome) {
	for ; t.low < t.next; t.low++ {
		t.lose(t.at(t.low), o)
	}
}

// advance moves low over packets that need no acknowledgement any more.
func (t *Tracker) advance(limit uint64) {
	for t.low < limit {
		if r := t.at(t.low); r != nil && r.state == sentInFlight && r.eliciting {
			return
		}
		t.low++
	}
}

// Oldest returns when the oldest ack-eliciting packet in flight was sent.
func (t *Tracker) Oldest() (at pipeline.Time, ok bool) {
	t.advance(t.next)
	if t.low == t.next {
		return 0, false
	}
	return t.at(t.low).at, true
}

// Outstanding reports whether an ack-eliciting packet is in flight above all
// that have been acknowledged: one that nothing has been heard about yet.
func (t *Tracker) Outstanding() bool {
	for c := max(t.low, t.acked); c < t.next; c++ {
		if r := t.at(c); r != nil && r.state == sentInFlight && r.eliciting {
			return true
		}
	}
	return false
}
