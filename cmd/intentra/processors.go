package main

import (
	"runtime"
	"time"
)

// What we chose.
const (
	// rateWindow is how many messages the rate is measured over.
	rateWindow = 256
	// oneProcessor is the rate, in messages per second, up to which one processor
	// serves the event loop and the writer of the output. It is a small part of
	// what one processor can do.
	oneProcessor = 5000
)

// allProcessors is how many processors the process may use.
var allProcessors = runtime.GOMAXPROCS(0)

// processors limits the process to one processor while messages are few. With several,
// the Go scheduler wakes a second thread whenever a goroutine becomes ready, here the
// loop and then the reader: at 200 messages a second these threads cost more than
// everything else, and one after the other does the work as well.
type processors struct {
	now func() time.Time
	set func(n int)

	limited bool
	n       int       // messages in this window
	since   time.Time // when it began, or zero
}

// newProcessors returns a limit that is in force until the first window has shown a
// higher rate.
func newProcessors() *processors {
	p := &processors{now: time.Now, set: func(n int) { runtime.GOMAXPROCS(n) }}
	p.limit(true)
	return p
}

// message counts a message.
func (p *processors) message() {
	if p.n++; p.n < rateWindow && !p.since.IsZero() {
		return
	}
	now := p.now()
	if !p.since.IsZero() {
		p.limit(now.Sub(p.since) >= rateWindow*time.Second/oneProcessor)
	}
	p.n, p.since = 0, now
}

// limit sets or removes the limit.
func (p *processors) limit(limited bool) {
	if limited == p.limited {
		return
	}
	p.limited = limited
	if limited {
		p.set(1)
	} else {
		p.set(allProcessors)
	}
}
