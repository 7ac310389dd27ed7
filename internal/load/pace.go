package load

import (
	"context"
	"math"
	"time"
)

// What we chose.
const (
	// paceTick is the least time that a Pacer sleeps: what falls due meanwhile
	// is sent together, so that pacing costs next to nothing.
	paceTick = time.Millisecond
	// paceChunk is the most messages that one reading of the clock is for.
	paceChunk = 64
	// maxBacklog is how late a message may be sent. What is later is skipped,
	// so that a sender that cannot keep up does not lag ever further behind,
	// and says so.
	maxBacklog = 20 * time.Millisecond
)

// Pacer spaces messages evenly at absolute times: message k is due at
// start + k/rate, however late the ones before it were. It belongs to one
// goroutine.
type Pacer struct {
	start   time.Duration
	rate    float64
	total   uint64
	next    uint64
	skipped uint64
	now     func() time.Duration
}

// NewPacer returns a pacer of all messages that fall due at rate, in messages
// per second, from start, a time of Now, on for a duration. The rate is
// positive.
func NewPacer(start time.Duration, rate float64, duration time.Duration) *Pacer {
	return &Pacer{start: start, rate: rate, total: uint64(math.Round(rate * duration.Seconds())), now: Now}
}

// Next waits until messages are due, and returns how many to send now, at most
// paceChunk, with the time. ok is false when there will be no more, or ctx has
// ended.
func (p *Pacer) Next(ctx context.Context) (n int, at time.Duration, ok bool) {
	for ctx.Err() == nil {
		at = p.now()
		if late := p.due(at - maxBacklog); late > p.next {
			p.skipped += late - p.next
			p.next = late
		}
		if p.next == p.total {
			break
		}
		if due := p.due(at); due > p.next {
			n = int(min(due-p.next, paceChunk))
			p.next += uint64(n)
			return n, at, true
		}
		wait := p.start + time.Duration(float64(p.next)/p.rate*float64(time.Second)) - at
		if !Sleep(ctx, max(wait, paceTick)) {
			break
		}
	}
	return 0, at, false
}

// Offered returns how many messages have been due so far, Skipped how many of
// them were too late to be sent.
func (p *Pacer) Offered() uint64 { return p.next }

// Skipped returns how many messages were too late to be sent.
func (p *Pacer) Skipped() uint64 { return p.skipped }

// due returns how many messages are due by a time.
func (p *Pacer) due(at time.Duration) uint64 {
	elapsed := at - p.start
	if elapsed < 0 {
		return 0
	}
	return min(uint64(elapsed.Seconds()*p.rate)+1, p.total)
}
