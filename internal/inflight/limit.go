package inflight

import (
	"time"

	"github.com/intentra/intentra/pipeline"
)

// What we chose, in bytes.
const (
	// First is the bound before anything is known.
	First = 64 << 10
	// Least is the bound that no queue lowers further. It lets a peer that shares
	// its route with the traffic of others keep a part of it.
	Least = 16 << 10
	// Smallest is the bound that no refusal lowers further.
	Smallest = 2 << 10
	// drained is how much may be in flight while the route is measured. It is too
	// little to make a queue of its own.
	drained = 4 << 10
	// enough is the bound up to which every hold raises it, although a round trip
	// fills less: the requests may have been lost, or the messages come in bursts.
	enough = 256 << 10
	// most keeps the arithmetic far from overflow.
	most = 1 << 29
)

const (
	// A queue of more than high, for a whole round, lowers the bound, to one that
	// leaves a queue of target. Below low the bound may grow.
	high   = 50 * time.Millisecond
	target = 25 * time.Millisecond
	low    = 25 * time.Millisecond

	// A round lasts a round trip, at least shortest, which is CoDel's interval
	// (RFC 8289 section 4.2), and has at least samples samples.
	shortest = 100 * time.Millisecond
	samples  = 2
	// again is the shortest time between two measurements of the route, and after
	// a refusal until Least applies again.
	again = 10 * time.Second

	// Once half of the bound is in flight, an acknowledgement is requested with each
	// 32nd of it, so that all of these are seldom lost, even at 40 % loss. The bytes
	// that are left in flight after such an acknowledgement were sent during a round
	// trip. If they are a quarter of the bound, it grows.
	askAt, askEvery, growAt = 2, 32, 4 // bound / n
)

// Limit is the bound for one peer. The zero value is ready to use.
type Limit struct {
	bound int           // zero for First
	floor int           // zero for Least
	held  bool          // the bound has held something back since it last grew
	base  time.Duration // the round trip without a queue, as far as known
	// unasked is how many bytes were sent since the last request.
	unasked int

	// The present round.
	start   pipeline.Time
	fastest time.Duration // round trip
	count   int           // samples
	arrived int64         // bytes
	rate    int           // bytes per second of the last round

	queued bool // there was a queue for the whole last round

	// While measuring, little is in flight, so that round trips show the route
	// without a queue of this peer. emptyAt is when the queue had drained.
	measuring  bool
	emptyAt    pipeline.Time
	measuredAt pipeline.Time // when the last measurement ended
	refusedAt  pipeline.Time
}

// Known returns a Limit for a route whose shortest round trip so far is base, or zero
// for none.
func Known(base time.Duration) Limit { return Limit{base: base} }

// Bound returns the bytes that may be in flight.
func (l *Limit) Bound() int {
	if l.measuring {
		return min(l.usual(), drained)
	}
	return l.usual()
}

// usual returns the bound outside of measurements.
func (l *Limit) usual() int {
	if l.bound == 0 {
		return First
	}
	return l.bound
}

// Rate returns the bytes per second that arrived in the last round, or zero
// before the end of the first.
func (l *Limit) Rate() int { return l.rate }

// Queued reports whether packets waited on the route for the whole last round.
func (l *Limit) Queued() bool { return l.queued }

// Allows reports whether another packet may be sent while inFlight bytes are.
// The packet may exceed the bound, so that one of any size can be sent.
// After false, the caller sends later: the question shows that the bound is too tight.
func (l *Limit) Allows(inFlight int) bool {
	if inFlight < l.Bound() {
		return true
	}
	l.held = true
	return false
}

// Asks reports whether a packet of up to size bytes is to request an acknowledgement.
// inFlight does not include the packet.
func (l *Limit) Asks(inFlight, size int) bool {
	bound := l.Bound()
	inFlight += size
	every := bound / askEvery
	if l.measuring || bound <= enough && inFlight >= bound-bound/growAt {
		every = 0 // the earlier ones seem to be lost
	}
	return (inFlight >= bound/askAt || l.measuring) && l.unasked+size >= every
}

// Sent counts a packet, which has requested an acknowledgement or not.
func (l *Limit) Sent(size int, asked bool) {
	l.unasked += size
	if asked {
		l.unasked = 0
	}
}

// Ack is what an acknowledgement, or the loss of packets, tells of the route.
type Ack struct {
	// Size is how many bytes were acknowledged or lost, Left how many are still in
	// flight, and Arrived how many were acknowledged.
	Size, Left, Arrived int
	// RTT is the round trip of a packet that was sent at Sent, without the time for
	// which the peer delayed the acknowledgement, or zero for none.
	RTT  time.Duration
	Sent pipeline.Time
}

// Resolved takes note of a. It returns true at the end of a round.
func (l *Limit) Resolved(a Ack, now pipeline.Time) (round bool) {
	l.arrived += int64(a.Arrived)
	if l.measuring && l.emptyAt == 0 && a.Left < drained {
		l.emptyAt = now
	}
	if a.RTT <= 0 {
		return false
	}
	first := l.base == 0
	if first || a.RTT < l.base {
		l.base = a.RTT
	}
	if l.measuring {
		return l.measured(a, now)
	}
	if !first && a.RTT-l.base < low {
		l.grow(a)
	}
	if l.count == 0 || a.RTT < l.fastest {
		l.fastest = a.RTT
	}
	l.count++
	if l.start == 0 {
		l.begin(now)
		return false
	}
	if l.count < samples || now-l.start < pipeline.Time(max(l.base, shortest)) {
		return false
	}
	l.end(now)
	return true
}

// grow raises the bound if it is too tight. The queue is short.
func (l *Limit) grow(a Ack) {
	bound := l.Bound()
	switch {
	case a.Left >= bound/growAt:
		l.bound = min(bound+min(a.Size, a.Left, most), most)
	case l.held && bound < enough:
		l.bound = min(bound+min(a.Size, enough), enough)
	default:
		return
	}
	l.held = false
}

// end judges the present round and begins the next.
func (l *Limit) end(now pipeline.Time) {
	l.rate = perSecond(l.arrived, now-l.start)
	l.queued = l.fastest-l.base >= low
	if l.floor != 0 && now-l.refusedAt >= pipeline.Time(again) {
		l.floor = 0
	}
	if l.fastest-l.base > high {
		switch {
		case l.measuredAt == 0 || now-l.measuredAt >= pipeline.Time(again):
			l.measuring, l.emptyAt = true, 0
		case l.Bound() > l.least():
			l.bound = min(l.Bound(), l.carries())
		}
	}
	l.begin(now)
}

// measured ends the measurement if the sampled packet was sent after the queue had
// drained. A round trip that is still long is the route's own, or the traffic of
// others makes it long: a smaller bound would not help.
func (l *Limit) measured(a Ack, now pipeline.Time) bool {
	if l.emptyAt == 0 || a.Sent < l.emptyAt {
		return false
	}
	l.base, l.measuring, l.measuredAt = a.RTT, false, now
	l.bound = l.carries()
	l.begin(now)
	return true
}

// carries returns the bound that leaves a queue of target.
func (l *Limit) carries() int {
	const second = int64(time.Second / time.Microsecond)
	n := int64(l.rate) * (l.base + target).Microseconds() / second
	return int(min(max(n, int64(l.least())), most))
}

func (l *Limit) least() int {
	if l.floor == 0 {
		return Least
	}
	return l.floor
}

func (l *Limit) begin(now pipeline.Time) {
	l.start, l.fastest, l.count, l.arrived = now, 0, 0, 0
}

// perSecond returns bytes in d as a rate.
func perSecond(bytes int64, d pipeline.Time) int {
	us := max(time.Duration(d).Microseconds(), 1)
	return int(min(bytes*int64(time.Second/time.Microsecond)/us, most))
}

// Moved forgets what was learnt about the route.
func (l *Limit) Moved() { *l = Limit{} }

// Refused lowers the bound because the system had no room for what is sent, and much
// of what occupies it is this peer's, of which inFlight bytes are in flight.
func (l *Limit) Refused(inFlight int, now pipeline.Time) {
	l.floor, l.refusedAt = max(l.least()/2, Smallest), now
	l.bound = max(min(l.usual(), inFlight)/2, Smallest)
}
