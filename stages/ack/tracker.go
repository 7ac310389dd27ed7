package ack

import (
	"math/bits"
	"time"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

const (
	// trackedPackets is how many sent packets of an epoch are remembered: 400 ms
	// at 10,000 packets/s.
	trackedPackets = 4096
	// firstTracked is the number that an epoch begins with: most peers have only a few
	// packets in flight, and each peer that is up pays for it. An acknowledgement
	// that comes after its packet was counted as lost is recognised among as many.
	firstTracked = 4
	// reorderThreshold is how far a packet must be below the largest acknowledged
	// one to be considered lost, as kPacketThreshold in RFC 9002, section 6.1.1.
	reorderThreshold = 3
)

// LargePacket is the size in bytes above which the loss of a packet may be due to its
// size.
const LargePacket = 548

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
	size      uint16 // bytes of the datagram
	state     sentState
	eliciting bool
	probe     bool // its loss means nothing
	split     bool // IP may have fragmented it, so that its arrival shows nothing
}

// Tracker remembers the packets sent in one epoch and their outcome. The zero value is
// ready to use.
type Tracker struct {
	ring []sentPacket // indexed by counter modulo its length, a power of two
	next uint64       // the next counter to be sent
	low  uint64       // every counter below is decided or forgotten

	acked   uint64 // one above the largest acknowledged counter, zero for none
	carrier uint64 // one above the counter of the packet that acknowledged it
}

// Outcome is what an acknowledgement, or the loss of packets, has decided.
type Outcome struct {
	// Acked and Lost count ack-eliciting packets, AckedMessages and LostMessages
	// the messages in them. A packet that is acknowledged after it was considered
	// lost counts in Acked and in Unlost.
	Acked, AckedMessages, Lost, LostMessages, Unlost, UnlostMessages uint64
	// Resolved is the size in bytes of the ack-eliciting packets that were
	// acknowledged or considered lost and were neither before.
	Resolved uint64
	// Arrived is the size of those that were acknowledged, even if they were
	// considered lost before.
	Arrived uint64
	// SmallestAcked and LargestAcked are sizes of packets counted in Acked, or zero
	// without any.
	SmallestAcked, LargestAcked int
	// LostLarge counts the packets of Lost that were larger than LargePacket, and
	// LeastLost is the size of the smallest of them.
	LostLarge, LeastLost int
	// Reliable is the cumulative acknowledgement of the reliable lane.
	Reliable uint64
	// Sample is the new round-trip sample, if HasSample.
	Sample    time.Duration
	HasSample bool
	// PeerTime is when the sampled packet arrived, in microseconds of the peer's clock,
	// if HasPeerTime.
	PeerTime    uint64
	HasPeerTime bool
	// Delay is for how long the peer delayed the acknowledgement, as it says.
	Delay time.Duration
}

// Next returns the counter of the next packet.
func (t *Tracker) Next() uint64 { return t.next }

// Skip skips the next counter. No honest peer acknowledges it.
func (t *Tracker) Skip(o *Outcome) { t.add(o).state = sentSkipped }

// Sent records that the packet with the next counter was sent, in a datagram of size
// bytes. A packet that elicits no acknowledgement cannot be lost. If too many are in
// flight, the oldest is counted as lost in o.
func (t *Tracker) Sent(now pipeline.Time, messages, size int, eliciting bool, o *Outcome) {
	s := t.add(o)
	s.at, s.messages, s.size = now, uint16(min(messages, 1<<16-1)), uint16(min(size, 1<<16-1))
	s.state, s.eliciting = sentInFlight, eliciting
}

// SentProbe is Sent for a packet whose loss counts for nothing, since its size is
// perhaps more than the path carries.
func (t *Tracker) SentProbe(now pipeline.Time, size int, o *Outcome) {
	t.Sent(now, 0, size, true, o)
	t.at(t.next - 1).probe = true
}

// Fragmented records that IP may fragment the packet sent last, so that its size says
// nothing about the path.
func (t *Tracker) Fragmented() {
	if r := t.at(t.next - 1); r != nil {
		r.split = true
	}
}

// carried returns the size for which the arrival or loss of the packet is evidence.
func (r *sentPacket) carried() int {
	if r.split {
		return min(int(r.size), LargePacket)
	}
	return int(r.size)
}

// Size returns the size in bytes of the packet with counter c, zero if it is not
// remembered, and at most LargePacket if IP may have fragmented it.
func (t *Tracker) Size(c uint64) int {
	if r := t.at(c); r != nil {
		return r.carried()
	}
	return 0
}

// LargestOutstanding returns the size in bytes of the largest ack-eliciting packet
// above all acknowledged ones, probes excepted.
func (t *Tracker) LargestOutstanding() (size int) {
	for c := max(t.low, t.acked); c < t.next; c++ {
		if r := t.at(c); r != nil && r.awaited() {
			size = max(size, r.carried())
		}
	}
	return size
}

// awaited reports whether the acknowledgement of the packet is awaited.
func (r *sentPacket) awaited() bool { return r.state == sentInFlight && r.eliciting && !r.probe }

// SentBelow records that every counter below c was sent in a packet that elicits no
// acknowledgement. Counters too far below c to be remembered are not recorded, so its
// time does not grow with c.
func (t *Tracker) SentBelow(c uint64, now pipeline.Time, o *Outcome) {
	if c > trackedPackets && t.next < c-trackedPackets {
		t.LoseAll(o)
		clear(t.ring)
		t.low, t.next = c-trackedPackets, c-trackedPackets
	}
	for t.next < c {
		t.Sent(now, 0, 0, false, o)
	}
}

// add returns the empty record of the next counter.
func (t *Tracker) add(o *Outcome) *sentPacket {
	if int(t.next-t.low) >= len(t.ring) {
		t.makeRoom(o)
	}
	s := &t.ring[t.next&uint64(len(t.ring)-1)]
	*s = sentPacket{}
	t.next++
	return s
}

// makeRoom doubles the ring up to its limit, at which the oldest packet is lost.
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
	ring := make([]sentPacket, max(firstTracked, 2*len(t.ring)))
	for c := t.next - uint64(len(t.ring)); c < t.next; c++ {
		ring[c&uint64(len(ring)-1)] = t.ring[c&uint64(len(t.ring)-1)]
	}
	t.ring = ring
}

// at returns the record of counter c, or nil if it is not remembered. If the ring has
// grown since c was forgotten, the record may also be empty.
func (t *Tracker) at(c uint64) *sentPacket {
	if c >= t.next || t.next-c > uint64(len(t.ring)) {
		return nil
	}
	return &t.ring[c&uint64(len(t.ring)-1)]
}

// Acked reports whether the packet with counter c was acknowledged.
func (t *Tracker) Acked(c uint64) bool {
	r := t.at(c)
	return r != nil && r.state == sentAcked
}

// Lost reports whether the packet with counter c is considered lost, or was sent too
// long ago to be remembered.
func (t *Tracker) Lost(c uint64) bool {
	r := t.at(c)
	return r == nil || r.state == sentLost || r.state == sentNone
}

// Decided reports whether the packet with counter c was acknowledged, and whether it is
// either that or considered lost. Of packets that the Tracker has forgotten it knows
// only the latter, so it is asked after each acknowledgement.
func (t *Tracker) Decided(c uint64) (acked, decided bool) {
	if t.Acked(c) {
		return true, true
	}
	return false, c < t.low
}

// Acknowledged returns one above the largest acknowledged counter, zero without any.
func (t *Tracker) Acknowledged() uint64 { return t.acked }

// Check checks an acknowledgement that came in the packet with the given counter, and
// changes nothing. It returns Accept, Consumed if a newer acknowledgement overtook
// this one, or a drop.
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

// Apply applies an acknowledgement that Check has accepted.
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
		n := r.carried()
		o.LargestAcked = max(o.LargestAcked, n)
		if o.SmallestAcked == 0 || n < o.SmallestAcked {
			o.SmallestAcked = n
		}
		switch {
		case r.probe:
		case r.state == sentLost:
			o.Unlost++
			o.UnlostMessages += uint64(r.messages)
		default:
			o.Resolved += uint64(r.size)
		}
		if !r.probe {
			o.Arrived += uint64(r.size)
		}
		o.Acked++
		o.AckedMessages += uint64(r.messages)
	}
	r.state = sentAcked
}

// detectLoss decides all counters that are at least reorderThreshold below the largest
// acknowledged one.
func (t *Tracker) detectLoss(o *Outcome) {
	t.loseBelow(t.acked, o)
}

// overtakenBy decides the counters that are at least reorderThreshold packets below the
// largest acknowledged one of the next epoch. Every packet of that epoch was sent after
// those of this one. The peer has no reason to acknowledge this epoch again if it sends
// nothing more, so without this a lost acknowledgement would leave its last packets
// undecided until the epoch closes.
func (t *Tracker) overtakenBy(by *Tracker, o *Outcome) {
	if by.acked > 0 {
		t.loseBelow(t.next+by.acked, o)
	}
}

// loseBelow decides the counters that are at least reorderThreshold below acked-1.
func (t *Tracker) loseBelow(acked uint64, o *Outcome) {
	if acked <= reorderThreshold {
		return
	}
	for limit := min(acked-reorderThreshold, t.next); t.low < limit; t.low++ {
		t.lose(t.at(t.low), o)
	}
	t.advance(t.next)
}

func (t *Tracker) lose(r *sentPacket, o *Outcome) {
	if r == nil || r.state != sentInFlight {
		return
	}
	r.state = sentLost
	if r.eliciting && !r.probe {
		if n := r.carried(); n > LargePacket {
			o.LostLarge++
			if o.LeastLost == 0 || n < o.LeastLost {
				o.LeastLost = n
			}
		}
		o.Lost++
		o.LostMessages += uint64(r.messages)
		o.Resolved += uint64(r.size)
	}
}

// LoseAll counts all packets in flight as lost, as when the epoch ends.
func (t *Tracker) LoseAll(o *Outcome) {
	for ; t.low < t.next; t.low++ {
		t.lose(t.at(t.low), o)
	}
}

// advance moves low past packets whose acknowledgement is not awaited.
func (t *Tracker) advance(limit uint64) {
	for t.low < limit {
		if r := t.at(t.low); r != nil && r.awaited() {
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

// Outstanding reports whether an ack-eliciting packet with a counter above all
// acknowledged ones is in flight.
func (t *Tracker) Outstanding() bool {
	for c := max(t.low, t.acked); c < t.next; c++ {
		if r := t.at(c); r != nil && r.awaited() {
			return true
		}
	}
	return false
}
