// Package fair limits a rate shared by addresses, so that no address can use up the
// share of the others.
package fair

import (
	"net/netip"
	"time"

	"golang.org/x/time/rate"

	"github.com/intentra/intentra/internal/addrhash"
	"github.com/intentra/intentra/pipeline"
)

// places is the size of the array that marks the turns of a round: 16 KiB.
const places = 4096

// Answer is the result of a request to a Limiter.
type Answer uint8

// The answers.
const (
	Granted Answer = iota
	Empty          // no token is left
	Share          // the remaining tokens are reserved for other addresses
)

// Limiter is a token bucket from which addresses take tokens in rounds. In each
// round an address has one turn, in which it may take any token. A further request
// of that address is granted only if half of the bucket remains for the others, and
// begins the next round. With rate R and burst B:
//
//   - If the first requests of all addresses in their rounds stay within rate R and
//     burst B/2, each of them is granted, regardless of all other requests, because
//     these do not take from the lower half of the bucket.
//   - An address that is refused its turn and asks again at least every B/2R seconds
//     gets its turn before any other address is granted a second token. It was
//     refused because the bucket was empty. No round begins before the bucket is
//     half full again, which takes B/2R seconds, during which there are tokens. So n
//     busy addresses get R/n each.
//   - No token is wasted: while there are requests the bucket does not stay more
//     than half full. A single address gets the whole rate R, and B/2 at once.
//
// Turns are marked in an array of fixed size, at a keyed hash of address and round.
// If n addresses had their turn in a round, another one is taken for one of them
// with probability n/4096. In the next round it collides with other addresses, so
// that no address is locked out. [addrhash.Hash] states which addresses count as
// one.
//
// The first Take allocates the array, later ones nothing. A Limiter is not safe for
// concurrent use.
type Limiter struct {
	bucket  *rate.Limiter
	reserve float64 // tokens reserved for addresses that have not had their turn
	hash    addrhash.Hash
	round   uint32
	turns   []uint32 // the last round marked at each place; nil before the first Take
}

// New returns a limiter with a full bucket of perSecond tokens/s and the given
// burst. The burst is at least two: one token for a round and one to begin the next.
// seed is the key of the hash. It must be random, so that collisions cannot be
// computed.
func New(perSecond float64, burst int, seed [16]byte) *Limiter {
	burst = max(burst, 2)
	return &Limiter{
		bucket:  rate.NewLimiter(rate.Limit(perSecond), burst),
		reserve: float64(burst / 2),
		hash:    addrhash.New(seed),
		round:   1, // a mark of zero is no mark
	}
}

// Take requests a token for addr. now must not decrease from call to call.
func (l *Limiter) Take(now pipeline.Time, addr netip.Addr) Answer {
	// The bucket needs a date, of which only differences matter.
	at := time.Unix(0, int64(now))
	left := l.bucket.TokensAt(at)
	if left < 1 {
		return Empty
	}
	mark := l.mark(addr)
	if *mark == l.round {
		if left < l.reserve+1 {
			return Share
		}
		l.round++
		mark = l.mark(addr)
	}
	if !l.bucket.AllowN(at, 1) {
		return Empty
	}
	*mark = l.round
	return Granted
}

// mark returns the place that marks the turn of addr in this round.
func (l *Limiter) mark(addr netip.Addr) *uint32 {
	if l.turns == nil {
		l.turns = make([]uint32, places)
	}
	return &l.turns[l.hash.Sum(addr, uint64(l.round))%places]
}
