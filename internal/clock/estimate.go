package clock

import "time"

const (
	// Drift is the time in which two clocks may drift apart by one unit of it: their
	// rates may differ by 200 millionths, 100 each. Crystals are specified with 20 to 50.
	Drift = 5000
	// Most is the largest offset, and the largest time, that is not refused: no sum
	// of a few of them overflows.
	Most = time.Duration(1) << 61
)

// Estimate is the interval in which the offset of a peer's clock lies. The zero value has
// seen no exchange. It is not safe for concurrent use.
type Estimate struct {
	low, high time.Duration
	at        time.Duration // of our clock, when they were valid
	known     bool
}

// Add adds an exchange that began at the time sent of our clock and ended at now: the
// peer's clock is ahead by at most high at sent, which an answer then proves with the time
// at which the request arrived, and by at least low at now. Exchanges come in the order
// in which they end.
//
// If that contradicts the earlier ones, a clock was set or has stopped, as in a machine
// that sleeps, and the earlier ones no longer count. Add then returns false, and also if
// the exchange contradicts itself, which it ignores.
func (e *Estimate) Add(low, high, sent, now time.Duration) (consistent bool) {
	if low > high || low < -Most || high > Most || sent > now || sent < -Most || now > Most {
		return false
	}
	high += (now - sent + Drift - 1) / Drift // the clocks may have drifted since sent
	at := now
	consistent = true
	if e.known {
		before, after := e.interval(now)
		if consistent = before <= high && low <= after; consistent {
			low, high = max(low, before), min(high, after)
			// The remainder of the division counts in the next call, so that many short
			// steps add up to the drift of one long one.
			at -= max(now-e.at, 0) % Drift
		}
	}
	*e = Estimate{low: low, high: high, at: at, known: true}
	return consistent
}

// interval returns the interval at the time now.
func (e *Estimate) interval(now time.Duration) (low, high time.Duration) {
	wider := max(now-e.at, 0) / Drift
	return e.low - wider, e.high + wider
}

// Offset returns by how much the peer's clock is ahead of ours at the time now of our
// clock, and how far that may be from the truth. ok is false without an exchange.
func (e *Estimate) Offset(now time.Duration) (ahead, within time.Duration, ok bool) {
	if !e.known {
		return 0, 0, false
	}
	low, high := e.interval(now)
	half := (high - low + 1) / 2
	return low + half, half, true
}
