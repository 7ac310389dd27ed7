package console

import (
	"encoding/json"
	"sync"
	"time"
)

// feed gives samples to the pages that are open, and takes them only while there are
// any. All pages share one sample.
type feed struct {
	cfg *Config

	mu      sync.Mutex
	pages   int
	sampler *sampler // nil while no page is open
	head    []byte   // of the latest sample
	fresh   chan struct{}
	stop    chan struct{}
	closed  bool
	// Samples counts all samples so far.
	samples uint64
	// Shared is the message for pages at the cursor from, whose next event is then event.
	shared struct {
		message []byte
		from    cursor
		event   uint64
	}
	size int // of the latest message that contained one sample
}

// cursor is what a page has received.
type cursor struct {
	version uint64
	event   uint64
	sampler *sampler
}

// open adds a page, and returns its first message. ok is false if the feed is closed or
// too many pages are open.
func (f *feed) open() (c cursor, first []byte, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.pages >= maxPages {
		return c, nil, false
	}
	f.pages++
	if f.sampler == nil {
		f.sampler = newSampler(f.cfg)
		f.fresh, f.stop = make(chan struct{}), make(chan struct{})
		f.take()
		go f.run(f.stop)
	}
	first, err := json.Marshal(&f.sampler.hello)
	if err != nil {
		first = []byte("{}") // unreachable: JSON can represent all values of a hello
	}
	return cursor{sampler: f.sampler}, first, true
}

// leave removes a page. Sampling ends with the last one.
func (f *feed) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pages--; f.pages == 0 && f.sampler != nil {
		close(f.stop)
		f.sampler, f.head, f.shared.message, f.shared.from = nil, nil, nil, cursor{}
	}
}

// close ends all pages.
func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.closed = true
	if f.sampler != nil {
		close(f.stop)
		f.sampler = nil
		close(f.fresh)
	}
}

// run samples until stop is closed.
func (f *feed) run(stop chan struct{}) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		f.mu.Lock()
		if f.stop == stop && f.sampler != nil {
			f.take()
			close(f.fresh)
			f.fresh = make(chan struct{})
		}
		f.mu.Unlock()
	}
}

// start is the origin of the times of samples.
var start = time.Now()

// take takes a sample.
func (f *feed) take() {
	now := time.Now()
	head, err := f.sampler.sample(now.Sub(start), now)
	if err != nil {
		return // unreachable, see sample
	}
	f.head = head
	f.shared.message, f.shared.from = nil, cursor{} // that no page is at
	f.samples++
}

// next returns the next message for a page, which it has not received yet, as an event of
// its stream, or a channel that is closed when there is one. ended says that there will be
// none. The message must not be changed: pages that are up to date share it.
func (f *feed) next(c *cursor) (message []byte, wait <-chan struct{}, ended bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.sampler
	switch {
	case s == nil || s != c.sampler:
		return nil, nil, true
	case c.version == s.version:
		return nil, f.fresh, false
	}
	before := *c
	c.version = s.version
	if before.version == s.version-1 && before == f.shared.from {
		c.event = f.shared.event
		return f.shared.message, nil, false
	}
	message, c.event = f.message(&before)
	if before.version == s.version-1 {
		f.shared.message, f.shared.from, f.shared.event = message, before, c.event
	}
	return message, nil, false
}

// message returns the message that brings a page up to date, and its next event.
func (f *feed) message(c *cursor) (message []byte, event uint64) {
	s := f.sampler
	message = make([]byte, 0, f.size+f.size/8) // about as long as the one before
	message = append(append(message, "data: "...), f.head...)
	message = s.appendRows(message, c.version)
	if c.version != 0 && c.version != s.version-1 {
		message = appendNumber(append(message, `,"skipped":`...), float64(s.version-1-c.version), 0)
	}
	events, next := f.cfg.Events.since(c.event)
	if len(events) > 0 {
		if text, err := json.Marshal(events); err == nil {
			message = append(append(message, `,"events":`...), text...)
		}
	}
	message = append(message, "}\n\n"...)
	if c.version == s.version-1 {
		f.size = len(message)
	}
	return message, next
}

// appendRows appends the members of a message that contain changed rows.
func (s *sampler) appendRows(b []byte, since uint64) []byte {
	var reset []byte
	for _, part := range []struct {
		name   string
		append func([]byte, uint64) ([]byte, bool)
	}{{"peers", s.peers.table.append}, {"topics", s.topics.table.append}, {"places", s.topics.places.append}} {
		b = append(append(append(b, `,"`...), part.name...), `":[`...)
		var again bool
		b, again = part.append(b, since)
		if again {
			reset = append(append(append(reset, `,"`...), part.name...), '"')
		}
		b = append(b, ']')
	}
	if len(reset) > 0 {
		b = append(append(append(b, `,"reset":[`...), reset[1:]...), ']')
	}
	return b
}
