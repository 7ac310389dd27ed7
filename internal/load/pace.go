package load

import (
	"context"
	"iter"
	"math"
	"time"
)

// What we chose.
const (
	// paceTick is the shortest sleep of a Pacer: messages that fall due
	// in between are sent together, so that pacing costs almost nothing.
	paceTick = time.Millisecond
	// paceBurst is the most messages that share one reading of the clock. It is
	// also the most datagrams of one GSO call.
	paceBurst = 64
	// maxLate is the MaxLate of measured loads.
	maxLate = 20 * time.Millisecond
	// countSlack is by how many messages Rate times Duration may exceed a whole
	// number because of rounding.
	countSlack = 1e-6
)

// Pacer spaces messages evenly at absolute times: message k is due at
// Start + k/Rate, however late the messages before it were. The zero value has
// every message due at once, without an end. A Pacer belongs to one goroutine,
// and its exported fields do not change after the first call.
type Pacer struct {
	// Start is the time of [Now] at which the first message is due.
	Start time.Duration
	// Rate is in messages per second. If it is zero, there is always one due.
	Rate float64
	// Duration is the time from Start in which messages fall due; zero is for
	// ever.
	Duration time.Duration
	// MaxLate is how late a message may be sent. One that is later is skipped,
	// so that a sender that cannot keep up reports it instead of falling ever
	// further behind. If MaxLate is zero, no message is skipped before the end.
	MaxLate time.Duration

	next    uint64 // the next message
	skipped uint64
}

// NewPacer returns the Pacer of a measured load, which skips a message that is
// more than 20 ms late.
func NewPacer(start time.Duration, rate float64, duration time.Duration) *Pacer {
	return &Pacer{Start: start, Rate: rate, Duration: duration, MaxLate: maxLate}
}

// Bursts waits until messages are due and yields how many, at most 64, with the
// time of [Now]. It ends after the last message, or when ctx does.
func (p *Pacer) Bursts(ctx context.Context) iter.Seq2[int, time.Duration] {
	return func(yield func(int, time.Duration) bool) {
		for n, at := p.take(ctx, paceBurst); n > 0 && yield(n, at); n, at = p.take(ctx, paceBurst) {
		}
	}
}

// Wait waits for the next message and returns the time of [Now] at which it was
// due. ok is false after the last message, and when ctx has ended.
func (p *Pacer) Wait(ctx context.Context) (due time.Duration, ok bool) {
	n, at := p.take(ctx, 1)
	if n == 0 {
		return at, false
	}
	return p.due(p.next - 1), true
}

// Offered returns how many messages have fallen due so far: those that were
// returned and those that were skipped.
func (p *Pacer) Offered() uint64 { return p.next }

// Skipped returns how many messages were too late to be sent.
func (p *Pacer) Skipped() uint64 { return p.skipped }

// take waits until messages are due and returns how many, at most limit, with
// the time. n is zero if there are no more or ctx has ended.
func (p *Pacer) take(ctx context.Context, limit uint64) (n int, at time.Duration) {
	for {
		at = Now()
		due := p.dueBy(at, limit)
		if ctx.Err() != nil || p.over(at) {
			if p.Rate > 0 {
				p.skipTo(due)
			}
			return 0, at
		}
		if p.MaxLate > 0 {
			p.skipTo(p.dueBy(at-p.MaxLate, 0))
		}
		if p.next == p.total() {
			return 0, at
		}
		if due > p.next {
			n = int(min(due-p.next, limit))
			p.next += uint64(n)
			return n, at
		}
		Sleep(ctx, max(p.due(p.next)-at, paceTick))
	}
}

// over reports whether no more messages are sent: those that are due before the
// end may be sent up to MaxLate after it.
func (p *Pacer) over(at time.Duration) bool {
	end := p.Start + p.Duration
	if p.Rate > 0 {
		end += p.MaxLate
	}
	return p.Duration > 0 && at >= end
}

// skipTo skips the messages before n.
func (p *Pacer) skipTo(n uint64) {
	if n > p.next {
		p.skipped += n - p.next
		p.next = n
	}
}

// due returns when message k is due.
func (p *Pacer) due(k uint64) time.Duration {
	if p.Rate == 0 {
		return p.Start
	}
	return p.Start + time.Duration(float64(k)/p.Rate*float64(time.Second))
}

// dueBy returns how many messages are due by a time; without a rate, it is more
// more than have been returned.
func (p *Pacer) dueBy(at time.Duration, more uint64) uint64 {
	elapsed := at - p.Start
	switch {
	case elapsed < 0:
		return 0
	case p.Rate == 0:
		return p.next + more
	}
	return min(uint64(elapsed.Seconds()*p.Rate)+1, p.total())
}

// total returns how many messages fall due before the end.
func (p *Pacer) total() uint64 {
	if p.Rate == 0 || p.Duration == 0 {
		return math.MaxUint64
	}
	return uint64(math.Ceil(p.Rate*p.Duration.Seconds() - countSlack))
}
