package trial

import "math"

// Good is the delivery that a peak must have.
const Good = 0.99

// How a peak is looked for.
const (
	climb      = 1.5 // from one rung of the ladder to the next
	descend    = 2.0 // while nothing has been good yet
	bisections = 3   // between the last good rung and the first bad one
	maxRungs   = 12
	// keptUp is the share of the offered rate that senders must reach; below,
	// a higher offer is no higher load.
	keptUp = 0.9
)

// Search looks for the highest delivered rate at good delivery: up a ladder
// from start by half as much again until a rung is bad, or down by halves until
// one is good; then it bisects between, on a logarithmic scale. It ends early
// where the senders, not the receiver, are the limit. Of all good points it
// returns that which delivered most; the zero Point if there is none.
func Search(start float64, offer func(rate float64) (Point, error)) (best Point, err error) {
	var low, high float64 // the highest good rate and the lowest bad one, zero if unknown
	try := func(rate float64) (up bool, err error) {
		p, err := offer(rate)
		if err != nil {
			return false, err
		}
		if p.Delivery < Good {
			high = rate
			return false, nil
		}
		low = rate
		if p.DeliveredRate > best.DeliveredRate {
			best = p
		}
		if p.SentRate < keptUp*p.Offered {
			high = rate // in effect
			return false, nil
		}
		return true, nil
	}
	rate := start
	for range maxRungs {
		up, err := try(rate)
		if err != nil {
			return best, err
		}
		if low > 0 && high > 0 {
			break
		}
		if up {
			rate *= climb
		} else {
			rate /= descend
		}
	}
	for range bisections {
		if low == 0 || high == 0 || high <= low {
			break
		}
		if _, err := try(middle(low, high)); err != nil {
			return best, err
		}
	}
	return best, nil
}

// middle is the geometric mean.
func middle(a, b float64) float64 { return math.Sqrt(a * b) }
