package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// What we chose.
const (
	barWidth     = 30 // characters
	barInterval  = 100 * time.Millisecond
	lineInterval = 2 * time.Second
)

// progress shows the progress of a benchmark: as a bar on a terminal, otherwise as
// a line every two seconds.
type progress struct {
	w        io.Writer
	terminal bool
}

func (e *environment) progress() progress { return progress{e.stderr, e.stderrTerminal} }

// during runs f and shows its progress: state returns the share that is done, 0
// to 1 or negative if it is unknown, and a description.
func (p progress) during(what string, state func() (share float64, words string), f func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- f() }()
	interval := lineInterval
	if p.terminal {
		interval = barInterval
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.show(what, state)
		case err := <-ended:
			p.end(what, state, err)
			return err
		}
	}
}

func (p progress) show(what string, state func() (float64, string)) {
	share, words := state()
	switch {
	case share < 0 && p.terminal:
		fmt.Fprintf(p.w, "\r\x1b[K%s %s", what, words)
		return
	case share < 0:
		fmt.Fprintf(p.w, "%s: %s\n", what, words)
		return
	case !p.terminal:
		fmt.Fprintf(p.w, "%s: %3.0f %% %s\n", what, 100*share, words)
		return
	}
	full := int(min(max(share, 0), 1) * barWidth)
	fmt.Fprintf(p.w, "\r\x1b[K%s [%s%s] %s", what, strings.Repeat("#", full), strings.Repeat(".", barWidth-full), words)
}

// end removes the bar, so that it does not interrupt the table, or prints a last
// line.
func (p progress) end(what string, state func() (float64, string), err error) {
	switch {
	case p.terminal:
		fmt.Fprint(p.w, "\r\x1b[K")
	case err == nil:
		_, words := state()
		fmt.Fprintf(p.w, "%s: done %s\n", what, words)
	}
}

// elapsed returns a state for work that takes the time total from now on.
func elapsed(total time.Duration) func() (float64, string) {
	began := time.Now()
	return func() (float64, string) {
		done := min(time.Since(began), total)
		return float64(done) / float64(total), fmt.Sprintf("%.1f of %.1f s", done.Seconds(), total.Seconds())
	}
}

// connecting returns a state for peers that connect.
func connecting(connected func() int, peers int) func() (float64, string) {
	return func() (float64, string) {
		n := connected()
		return float64(n) / float64(peers), fmt.Sprintf("%d/%d", n, peers)
	}
}
