package compare

import (
	"math"
	"strconv"
)

// tick is a mark of an axis, with a label or without.
type tick struct {
	value float64
	label string
}

// decades marks a logarithmic axis at each power of ten and its multiples.
type decades struct {
	// labelled reports whether a multiple of a power has a label.
	labelled func(multiple float64) bool
	format   func(value float64) string
}

// rates labels 1, 2 and 5 times each power, latencies the powers alone.
var (
	rates     = decades{func(m float64) bool { return m == 1 || m == 2 || m == 5 }, perSecond}
	latencies = decades{func(m float64) bool { return m == 1 }, duration}
)

// Ticks returns the marks from low to high, which must be positive.
func (d decades) Ticks(low, high float64) (ticks []tick) {
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for m := 1.0; m < 10; m++ {
			v := m * math.Pow(10, e)
			if v < low*(1-1e-9) || v > high*(1+1e-9) {
				continue
			}
			t := tick{value: v}
			if d.labelled(m) {
				t.label = d.format(v)
			}
			ticks = append(ticks, t)
		}
	}
	return ticks
}

// perSecond formats 20000 as "20 k" and 5000000 as "5 M".
func perSecond(v float64) string {
	switch {
	case v >= 1e6:
		return short(v/1e6) + " M"
	case v >= 1e3:
		return short(v/1e3) + " k"
	}
	return short(v)
}

// duration formats microseconds.
func duration(v float64) string {
	switch {
	case v >= 1e6:
		return short(v/1e6) + " s"
	case v >= 1e3:
		return short(v/1e3) + " ms"
	}
	return short(v) + " µs"
}

func short(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
