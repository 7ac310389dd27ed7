package hub

import (
	"context"
	"fmt"
	"iter"
	"net"
	"slices"
	"time"

	"github.com/intentra/intentra"
)

// What we chose.
const (
	defaultBuffer = 1024
	maxBuffer     = 1 << 20
	maxStreams    = 1 << 16
)

// Subscription says which updates a client wants.
type Subscription struct {
	// Pattern selects topics by their path; see [ParsePattern]. Required.
	Pattern string
	// MaxRate is how many updates per second to receive of each topic at most; excess
	// updates are left out, of a Latest topic those that are not the newest. Zero means
	// no limit, and Reliable topics have none. Range 0.001 to 1,000,000.
	MaxRate float64
	// Area, if set, selects topics that declare a [Layout], and of these the updates
	// inside the area. The first update of an object that has left comes as well.
	Area *Area
	// Cached has the stream start with the newest values that the hub has of Latest
	// topics. They are marked in [Update].Cached.
	Cached bool
	// Buffer is how many updates are kept until they are read, Reliable and Realtime ones
	// separately, and in addition the newest value of each Latest topic. Of Realtime updates
	// the oldest makes room. A subscription whose buffer of Reliable updates is full ends with
	// ErrSlow. Default 1,024, range 1 to 1,048,576.
	Buffer int
	// Handler, if set, is called for each update on the transport's event loop, instead
	// of a buffer: it must not block, nor call the client, except Send of a
	// [Publication]. It borrows the payload until it returns.
	Handler func(Update)
}

func (s Subscription) check() (Pattern, error) {
	p, err := ParsePattern(s.Pattern)
	if err == nil {
		err = checkRate(s.MaxRate)
	}
	if err == nil && s.Area != nil {
		err = s.Area.check()
	}
	if err == nil && (s.Buffer < 0 || s.Buffer > maxBuffer) {
		err = fmt.Errorf("hub: Subscription.Buffer is %d; it must be 1 to %d", s.Buffer, maxBuffer)
	}
	return p, err
}

// Stream is a subscription of a client and the updates that have come for it.
// Subscriptions of one client that match the same topic share its updates: each gets
// what any of them asked for.
type Stream struct {
	c       *Client
	id      uint32
	sub     Subscription
	pattern Pattern
	done    chan struct{} // closed once the hub has answered for the first time
	more    chan struct{} // has a token if there may be something to read
	err     error
	refused error // the hub's answer

	states   []*waiting // oldest first
	realtime int        // how many of them are not Latest
	reliable []*waiting
	newest   map[*remote]*waiting // of Latest topics, in states
}

// waiting is an update that has not been read.
type waiting struct {
	Update
	from  *remote
	added time.Duration // when, on the client's clock; of updates with a Stamp
}

// aged returns the update at the time of its reading.
func (w *waiting) aged(c *Clock) Update {
	if w.Stamp {
		waited := c.Now() - w.added
		w.Age, w.Within = w.Age+waited, w.Within+waited/drift
	}
	return w.Update
}

// Subscribe subscribes and waits until the hub has agreed. The error is ErrPattern,
// ErrArea, a [*RequestError], net.ErrClosed, or the cause of ctx. A subscription stays
// over reconnects, until Close or ErrSlow.
func (c *Client) Subscribe(ctx context.Context, sub Subscription) (*Stream, error) {
	if err := waits(ctx, "Subscribe", c.valid()); err != nil {
		return nil, err
	}
	s, err := c.SubscribeAsync(sub)
	if err != nil {
		return nil, err
	}
	if err := c.waitFor(ctx, s.done, func() error { return s.refused }); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// SubscribeAsync is Subscribe without waiting, for callbacks and the simulator: if the
// hub refuses, the stream ends.
func (c *Client) SubscribeAsync(sub Subscription) (*Stream, error) {
	if err := c.valid(); err != nil {
		return nil, err
	}
	pattern, err := sub.check()
	if err != nil {
		return nil, err
	}
	if sub.Buffer == 0 {
		sub.Buffer = defaultBuffer
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, net.ErrClosed
	}
	if len(c.streams) >= maxStreams {
		return nil, &RequestError{Code: codeLimit, Text: "too many subscriptions"}
	}
	for {
		c.nextID++
		if c.streams[c.nextID] == nil {
			break
		}
	}
	s := &Stream{
		c: c, id: c.nextID, sub: sub, pattern: pattern,
		done: make(chan struct{}), more: make(chan struct{}, 1), newest: make(map[*remote]*waiting),
	}
	c.streams[s.id] = s
	for _, r := range c.remotes.all() {
		r.match(s)
	}
	c.remotes.refresh()
	if c.welcomed {
		s.subscribe()
	}
	return s, nil
}

func (r *remote) match(s *Stream) {
	if s.pattern.Match(r.path) && (s.sub.Area == nil || r.desc.Layout != nil) {
		r.streams = append(slices.Clip(r.streams), s) // a copy: receive may be reading it
	}
}

func (s *Stream) subscribe() {
	if s.c.settling {
		return // see resubscribe
	}
	s.c.send(message{
		Type: typeSubscribe, ID: &s.id, Pattern: s.sub.Pattern, MaxRate: s.sub.MaxRate, Area: s.sub.Area, Cached: s.sub.Cached,
	})
}

// Move changes the area of the subscription.
func (s *Stream) Move(a *Area) error {
	if err := s.valid(); err != nil {
		return err
	}
	if a == nil {
		return fmt.Errorf("%w: nil", ErrArea)
	}
	if err := a.check(); err != nil {
		return err
	}
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case s.err != nil:
		return s.err
	case s.sub.Area == nil:
		return fmt.Errorf("%w: the subscription began without one", ErrArea)
	}
	s.sub.Area = a
	if c.welcomed {
		s.subscribe()
	}
	return nil
}

// Updates returns an iterator over the updates, which waits for each. It ends when ctx
// or the stream ends; Err then says why the stream has ended.
func (s *Stream) Updates(ctx context.Context) iter.Seq[Update] {
	must(s.valid())
	if ctx == nil {
		panic(errNoContext.Error())
	}
	return func(yield func(Update) bool) {
		for {
			u, err := s.Next(ctx)
			if err != nil || !yield(u) {
				return
			}
		}
	}
}

// Next waits for the next update. The error is that of Err, or the cause of ctx.
func (s *Stream) Next(ctx context.Context) (Update, error) {
	switch {
	case s.valid() != nil:
		return Update{}, errNoStream
	case ctx == nil:
		return Update{}, errNoContext
	}
	for {
		u, ok, err := s.Poll()
		if ok || err != nil {
			return u, err
		}
		if err := waits(ctx, "Next", nil); err != nil {
			return u, err
		}
		select {
		case <-s.more:
		case <-ctx.Done():
			return Update{}, context.Cause(ctx)
		}
	}
}

// Poll returns the next update without waiting; ok is false if no update waits. The error
// is that of Err, once all updates have been read.
func (s *Stream) Poll() (u Update, ok bool, err error) {
	if err := s.valid(); err != nil {
		return u, false, err
	}
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	var w *waiting
	switch {
	case len(s.reliable) > 0:
		w, s.reliable = s.reliable[0], s.reliable[1:]
	case len(s.states) > 0:
		w, s.states = s.states[0], s.states[1:]
		if s.newest[w.from] == w {
			delete(s.newest, w.from)
		} else {
			s.realtime--
		}
	case s.err != nil:
		s.wake() // other readers as well
		return u, false, s.err
	default:
		return u, false, nil
	}
	if len(s.reliable)+len(s.states) > 0 || s.err != nil {
		s.wake()
	}
	return w.aged(&s.c.clock), true, nil
}

// Err returns nil while the stream is open, and then why it has ended: ErrSlow,
// ErrRefused, net.ErrClosed, or an [*intentra.ClosedError].
func (s *Stream) Err() error {
	if err := s.valid(); err != nil {
		return err
	}
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.err
}

// Close ends the subscription. Updates that wait can still be read.
func (s *Stream) Close() {
	must(s.valid())
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.streams[s.id] != s {
		return
	}
	if c.welcomed && !c.closed {
		c.send(message{Type: typeUnsubscribe, ID: &s.id})
	}
	s.end(net.ErrClosed)
}

// end ends the stream.
func (s *Stream) end(err error) {
	if s.err != nil {
		return
	}
	s.err = err
	if s.refused == nil {
		s.refused = err
	}
	delete(s.c.streams, s.id)
	for _, r := range s.c.remotes.all() {
		r.unmatch(s)
	}
	s.c.remotes.refresh()
	s.answered(s.refused)
	s.wake()
}

func (r *remote) unmatch(s *Stream) {
	r.streams = slices.DeleteFunc(slices.Clone(r.streams), func(other *Stream) bool { return other == s })
}

// answered wakes a waiting Subscribe.
func (s *Stream) answered(err error) {
	select {
	case <-s.done:
	default:
		s.refused = err
		close(s.done)
	}
}

func (s *Stream) wake() {
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// add adds an update, whose payload is borrowed.
func (s *Stream) add(r *remote, u Update) {
	defer s.wake()
	stats := &s.c.stats
	var now time.Duration
	if u.Stamp {
		now = s.c.clock.Now()
	}
	if w := s.newest[r]; w != nil && r.desc.Intent == intentra.Latest {
		u.Payload = append(w.Payload[:0], u.Payload...)
		w.Update, w.added = u, now
		stats.Superseded++
		return
	}
	u.Payload = append([]byte(nil), u.Payload...)
	w := &waiting{u, r, now}
	if r.desc.Intent == intentra.Reliable {
		if len(s.reliable) >= s.sub.Buffer {
			s.c.send(message{Type: typeUnsubscribe, ID: &s.id})
			s.end(&MissedError{Missed: 1})
			return
		}
		s.reliable = append(s.reliable, w)
		return
	}
	s.states = append(s.states, w)
	if r.desc.Intent != intentra.Latest {
		if s.realtime++; s.realtime > s.sub.Buffer {
			s.dropState(func(w *waiting) bool { return s.newest[w.from] != w })
			s.realtime--
		}
		return
	}
	s.newest[r] = w
	// Values of topics that have ended, or were announced again, wait as well.
	if len(s.newest) > max(s.sub.Buffer, s.c.remotes.known) {
		s.dropState(func(w *waiting) bool {
			latest := s.newest[w.from] == w
			if latest {
				delete(s.newest, w.from)
			}
			return latest
		})
	}
}

// dropState drops the oldest update of those for which drop returns true first.
func (s *Stream) dropState(drop func(*waiting) bool) {
	i := slices.IndexFunc(s.states, drop)
	s.states = slices.Delete(s.states, i, i+1)
	s.c.stats.Dropped++
}
