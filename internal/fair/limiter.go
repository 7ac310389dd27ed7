// Package fair limits a rate that addresses share, so that none of them can
// take it from the others.
package fair

import (
	"net/netip"
	"time"

	"golang.org/x/time/rate"

	"github.com/intentra/intentra/internal/addrhash"
	"github.com/intentra/intentra/pipeline"
)

// places is the size of the array in which a round's turns are marked: 16 KiB.
const places = 4096

// Answer is what a Limiter says to a request.
type Answer uint8

// The answers.
const (
	Granted Answer = iota
	Empty          // no token is left for anyone
	Share          // what is left is for addresses that have had less
)

// Limiter is a token bucket that addresses take from in rounds. In each round
// an address has one turn, for which it may have any token; once it has had its
// turn it is granted only what leaves half of the bucket to the others, and that
// begins the next round. With a rate of R and a burst of B:
//
//   - As long as first requests in their rounds, of all addresses together, keep
//     to the rate R and the burst B/2, every one of them is granted, whatever
//     else is asked for: nobody else takes from the lower half.
//   - An address that waits for its turn, and asks again at least every B/2R
//     seconds, gets it before any other address is granted a second token from
//     then on. It was refused because the bucket was empty, and no round can
//     begin until that is half full again, which takes B/2R seconds and leaves
//     tokens there all the while. So n busy addresses get R/n each.
//   - Nothing is wasted: while anyone asks the bucket does not stay more than
//     half full, so a single address gets all of R, and B/2 at once.
//
// Turns are marked in a fixed array, at a keyed hash of the address and the
// round. With n addresses in a round a newcomer is taken for one of them with a
// chance of n in 4,096, and in the next round for others, if any: nobody is shut
// out by a collision. Addresses count as [addrhash.Hash] says.
//
// Take does not allocate. Not safe for concurrent use.
type Limiter struct {
	bucket  *rate.Limiter
	reserve float64 // tokens that are kept for who has not had a turn
	hash    addrhash.Hash
	round   uint32
	turns   [places]uint32 // the last round that was marked here
}

// New returns a limiter, full, of perSecond tokens a second and a burst of at
// least two: one for the round, and one to begin the next. seed is the key of
// the hash: random bytes, so that nobody can compute collisions.
func New(perSecond float64, burst int, seed [16]byte) *Limiter {
	burst = max(burst, 2)
	return &Limiter{
		bucket:  rate.NewLimiter(rate.Limit(perSecond), burst),
		reserve: float64(burst / 2),
		hash:    addrhash.New(seed),
		round:   1, // marks of zero are none
	}
}

// Take asks for a token for addr. now must not go back.
func (l *Limiter) Take(now pipeline.Time, addr netip.Addr) Answer {
	// The bucket wants a date. Any origin will do, as it looks at differences.
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

// mark returns the place where the turn of addr in this round is marked.
func (l *Limiter) mark(addr netip.Addr) *uint32 {
	return &l.turns[l.hash.Sum(addr, uint64(l.round))%places]
}
