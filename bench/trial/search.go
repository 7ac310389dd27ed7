package trial

import "math"

// Good is the least delivery of a peak.
const Good = 0.99

// How the search proceeds.
const (
	climb      = 1.5 // from one rate to the next higher
	descend    = 2.0 // to the next lower, while no rate has been good
	bisections = 3   // between the highest good rate and the lowest bad one
	maxRates   = 12  // before the bisections
	// keptUp is the least share of the offered rate that senders reach. Below
	// it a higher offer would not be a higher load.
	keptUp = 0.9
)

// Search looks for the highest delivered rate with good delivery. From start, it
// multiplies the rate by 1.5 until one is bad, or halves it until one is good,
// and then bisects on a logarithmic scale. It ends early if the senders, not the
// receiver, are the limit. It returns the good point that delivered most, or the
// zero Point if no point is good.
func Search(start float64, offer func(rate float64) (Point, error)) (best Point, err error) {
	var low, high float64 // the highest good rate and the lowest bad one; zero if unknown
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
			high = rate // the senders cannot offer more
			return false, nil
		}
		return true, nil
	}
	rate := start
	for range maxRates {
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

// middle returns the geometric mean.
func middle(a, b float64) float64 { return math.Sqrt(a * b) }
