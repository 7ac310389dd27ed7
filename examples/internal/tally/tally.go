// Package tally collects what the checks of the examples measure, and prints it.
package tally

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Times are durations of one kind.
type Times []time.Duration

// Quantile returns the smallest of the durations that a fraction q of them does not
// exceed, zero without any.
func (t Times) Quantile(q float64) time.Duration {
	if len(t) == 0 {
		return 0
	}
	slices.Sort(t)
	return t[min(int(q*float64(len(t))), len(t)-1)]
}

// String returns the median, p99 and the maximum.
func (t Times) String() string {
	return fmt.Sprintf("p50 %s, p99 %s, max %s", short(t.Quantile(0.5)), short(t.Quantile(0.99)), short(t.Quantile(1)))
}

// short returns d with three digits or so.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 100*time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

// Report is a table of results, and the requirements that were not met. The zero Report
// is empty.
type Report struct {
	rows   [][2]string
	failed []error
}

// Row adds a result. Results are not judged.
func (r *Report) Row(name, format string, args ...any) {
	r.rows = append(r.rows, [2]string{name, fmt.Sprintf(format, args...)})
}

// Require notes that a requirement is not met unless ok is true.
func (r *Report) Require(ok bool, format string, args ...any) {
	if !ok {
		r.failed = append(r.failed, fmt.Errorf(format, args...))
	}
}

// Err returns the requirements that were not met, or nil.
func (r *Report) Err() error { return errors.Join(r.failed...) }

// Write prints the table.
func (r *Report) Write(w io.Writer) error {
	width := 0
	for _, row := range r.rows {
		width = max(width, utf8.RuneCountInString(row[0]))
	}
	var b strings.Builder
	for _, row := range r.rows {
		fmt.Fprintf(&b, "%s%s  %s\n", row[0], strings.Repeat(" ", width-utf8.RuneCountInString(row[0])), row[1])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Point is a mark on a map.
type Point struct {
	X, Y float64
	Mark rune
}

// Map draws points in a frame of the given size, with y upwards. The frame holds all
// of them.
func Map(points []Point, width, height int) string {
	if len(points) == 0 {
		return ""
	}
	lo, hi := points[0], points[0]
	for _, p := range points {
		lo.X, lo.Y = min(lo.X, p.X), min(lo.Y, p.Y)
		hi.X, hi.Y = max(hi.X, p.X), max(hi.Y, p.Y)
	}
	cells := make([][]rune, height)
	for i := range cells {
		cells[i] = []rune(strings.Repeat(" ", width))
	}
	place := func(v, lo, hi float64, n int) int {
		if hi <= lo {
			return 0
		}
		return min(int((v-lo)/(hi-lo)*float64(n)), n-1)
	}
	for _, p := range points {
		cells[height-1-place(p.Y, lo.Y, hi.Y, height)][place(p.X, lo.X, hi.X, width)] = p.Mark
	}
	var b strings.Builder
	for _, row := range cells {
		b.WriteString(strings.TrimRight(string(row), " ") + "\n")
	}
	return b.String()
}
