package ratelimit

import (
	"math"
	"math/bits"

	"github.com/intentra/intentra/pipeline"
)

// token is one token in the unit of a Bucket, billionths: with times in nanoseconds and
// rates per second, a refill is then a product.
const token = 1_000_000_000

// Bucket is a token bucket in exact integer arithmetic: no sequence of calls, with
// however short or long times between them, yields more or fewer tokens than rate and
// burst allow.
//
// The zero Bucket is full. Rate and burst are passed to each call, so that many buckets
// share them. A Bucket is not safe for concurrent use. It knows nothing of stages, and any
// stage may limit with it.
type Bucket struct {
	// missing is the deficit from a full bucket, in billionths of a token.
	missing uint64
	// at is the time up to which missing has been refilled.
	at pipeline.Time
}

// Ready refills the bucket at rate tokens per second, up to burst tokens, and reports
// whether it contains one. It takes none. With a burst of one it reports whether the bucket
// is full: then its owner may forget it without giving tokens away. A time before that of the last call adds
// nothing; a full bucket continues from that earlier time.
func (b *Bucket) Ready(now pipeline.Time, rate, burst uint32) bool {
	b.refill(now, rate)
	full := uint64(burst) * token // below 2^62
	return b.missing <= full && full-b.missing >= token
}

// Charge takes one token, after Ready has returned true. If the bucket is empty, its
// deficit grows.
func (b *Bucket) Charge() {
	if b.missing <= math.MaxUint64-token {
		b.missing += token
	}
}

// ChargeN takes n tokens, after Ready has returned true. The bucket may contain fewer:
// then it has a deficit, and Ready returns false until that is refilled.
func (b *Bucket) ChargeN(n uint32) {
	b.missing += min(uint64(n)*token, math.MaxUint64-b.missing)
}

// Take calls Ready and, if that returns true, Charge.
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
	// The difference of any two int64 fits in a uint64. If its product with a rate
	// does not, it fills any bucket.
	over, tokens := bits.Mul64(uint64(now)-uint64(b.at), uint64(rate))
	b.at = now
	if over != 0 || tokens >= b.missing {
		b.missing = 0
		return
	}
	b.missing -= tokens
}
