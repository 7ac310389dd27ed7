package compare

import (
	"maps"
	"slices"
)

// Stat summarizes the values of one metric over the rounds.
type Stat struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	// Rounds has the values in the order of the rounds. A round without a
	// value is left out.
	Rounds []float64 `json:"rounds"`
}

// Series is the values of one metric, by round.
type Series map[int]float64

// Stat returns the summary of s, which is the zero Stat if s is empty.
func (s Series) Stat() Stat {
	values := make([]float64, 0, len(s))
	for _, round := range slices.Sorted(maps.Keys(s)) {
		values = append(values, s[round])
	}
	if len(values) == 0 {
		return Stat{}
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return Stat{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Min: sorted[0], Max: sorted[n-1], Rounds: values}
}

// combine applies f to the values of two series round by round, so that changes
// of the machine between rounds do not affect the result.
func combine(a, b Series, f func(x, y float64) float64) Series {
	out := Series{}
	for round, x := range a {
		if y, ok := b[round]; ok {
			out[round] = f(x, y)
		}
	}
	return out
}

// Ratio returns a/b round by round, leaving out rounds in which b is zero.
func Ratio(a, b Series) Series {
	known := Series{}
	for round, y := range b {
		if y != 0 {
			known[round] = y
		}
	}
	return combine(a, known, func(x, y float64) float64 { return x / y })
}

// Difference returns a-b round by round.
func Difference(a, b Series) Series {
	return combine(a, b, func(x, y float64) float64 { return x - y })
}
