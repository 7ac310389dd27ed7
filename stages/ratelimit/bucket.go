package ratelimit

import (
	"math"
	"math/bits"

	"github.com/intentra/intentra/pipeline"
)

// token is one token in the unit that a Bucket counts in: with times in
// nanoseconds and rates per second, a refill is then a plain product.
const token = 1_000_000_000

// Bucket is a token bucket in exact integer arithmetic: no sequence of calls
// makes it yield a token more or fewer than rate and burst say, however short or
// long the times between them.
//
// The zero Bucket is full. The rate and the burst belong to the calls, so that
// many buckets share them. Not safe for concurrent use.
type Bucket struct {
	// missing is the deficit from a full bucket, in billionths of a token.
	missing uint64
	// at is the time up to which missing has been refilled.
	at pipeline.Time
}

// Ready refills the bucket at rate tokens per second, up to burst tokens, and
// reports whether it holds one. It takes none. A time before that of the last
// call adds nothing, unless the bucket is full and so has no use for the past.
func (b *Bucket) Ready(now pipeline.Time, rate, burst uint32) bool {
	b.refill(now, rate)
	full := uint64(burst) * token // below 2^62
	return b.missing <= full && full-b.missing >= token
}

// Charge takes one token, which the caller has seen to be there by Ready. If it
// is not there, the bucket owes it.
func (b *Bucket) Charge() {
	if b.missing <= math.MaxUint64-token {
		b.missing += token
	}
}

// Take is Ready and, if it is, Charge.
func (b *Bucket) Take(now pipeline.Time, rate, burst uint32) bool {
	if !b.Ready(now, rate, burst) {
		return false
	}
	b.Charge()
	return true
}

func (b *Bucket) refill(now pipeline.Time, rate uint32) {
	if b.missing == 0 {
		b.at = now
		return
	}
	if now <= b.at {
		return
	}
	// The difference of any two int64 fits a uint64; its product with a rate
	// may not, and then it fills any bucket.
	over, tokens := bits.Mul64(uint64(now)-uint64(b.at), uint64(rate))
	b.at = now
	if over != 0 || tokens >= b.missing {
		b.missing = 0
		return
	}
	b.missing -= tokens
}
