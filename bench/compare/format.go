package compare

import (
	"fmt"
	"strconv"
)

// cell formats a metric's median, or returns "" if it was not measured.
func cell(at func(metric string) (Stat, bool), metric string, format func(float64) string) string {
	s, ok := at(metric)
	if !ok {
		return ""
	}
	return format(s.Median)
}

func percent(v float64) string { return fmt.Sprintf("%.3f %%", 100*v) }

func whole(v float64) string { return fmt.Sprintf("%.0f", v) }

func two(v float64) string { return fmt.Sprintf("%.2f", v) }

func ratio(v float64) string { return fmt.Sprintf("%.3f", v) }

func kibibytes(v float64) string { return fmt.Sprintf("%.1f", v/1024) }

// micro formats microseconds.
func micro(v float64) string {
	if v >= 10_000 {
		return fmt.Sprintf("%.1f ms", v/1000)
	}
	return fmt.Sprintf("%.0f us", v)
}

// thousands rounds v to an integer and groups its digits with commas.
func thousands(v float64) string {
	s := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
