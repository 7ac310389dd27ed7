package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

var (
	// ErrNotSent: a message was delivered that its sender has not sent, or
	// more often than he has.
	ErrNotSent = errors.New("delivered, but not sent")
	// ErrStale: a Latest message was delivered behind a newer one of its
	// channel, or again.
	ErrStale = errors.New("delivered behind a newer one")
	// ErrGap: a Reliable message was delivered that is not the one behind the
	// last of its channel, those apart that the receiver is too small for.
	ErrGap = errors.New("delivered out of order")
)

// A stream forgets a message once this many newer ones have been sent and this
// much time has passed: longer than any queue and any link keeps one.
const (
	streamKept = 1 << 14
	streamTime = pipeline.Time(10 * time.Minute)
	staleKept  = 256 // delivered Latest messages that it still knows
)

// streamKey names the messages of one intent on one channel, in one direction.
type streamKey struct {
	from, to intentra.PublicKey
	channel  uint32
	intent   intentra.Intent
}

// stream knows, by their fingerprints, the messages that the receiver may still
// be given.
type stream struct {
	key    streamKey
	sent   []sentMessage // a queue, from head on
	head   int
	first  uint64            // position of sent[head]
	counts map[uint64]*tally // Realtime: by fingerprint

	next    uint64   // Latest: behind the last that was delivered
	session uint64   // Reliable: the one that has delivered last,
	at      []uint64 // and which messages that may have been
	promises
}

type sentMessage struct {
	print uint64
	at    pipeline.Time
	// tooLarge: the receiver cannot take it, which its sender did not know yet;
	// see intentra.ErrMessageTooLarge.
	tooLarge bool
	hold     uint64 // Reliable: the number of its sender's hold
}

type tally struct{ sent, delivered int }

func (a *audit) stream(from, to intentra.PublicKey, m intentra.Message) *stream {
	key := streamKey{from, to, m.Channel, m.Intent}
	s := a.streams[key]
	if s == nil {
		s = &stream{key: key}
		switch m.Intent {
		case intentra.Realtime:
			s.counts = map[uint64]*tally{}
		case intentra.Reliable:
			a.reliable = append(a.reliable, s)
		}
		a.streams[key] = s
	}
	return s
}

// fingerprint is FNV-1a: the same on all machines, and nobody here makes
// collisions on purpose.
func fingerprint(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

func (s *stream) send(payload []byte, now pipeline.Time, tooLarge bool) {
	for s.len() > streamKept && s.sent[s.head].at < now-streamTime {
		s.forget()
	}
	f := fingerprint(payload)
	s.sent = append(s.sent, sentMessage{f, now, tooLarge, s.hold})
	if s.counts != nil {
		t := s.counts[f]
		if t == nil {
			t = &tally{}
			s.counts[f] = t
		}
		t.sent++
	}
}

func (s *stream) deliver(payload []byte, session uint64) error {
	f := fingerprint(payload)
	switch s.key.intent {
	case intentra.Realtime:
		return s.deliverRealtime(f)
	case intentra.Latest:
		return s.deliverLatest(f)
	}
	return s.deliverReliable(f, session)
}

// deliverRealtime: any order, each at most once.
func (s *stream) deliverRealtime(f uint64) error {
	t := s.counts[f]
	if t == nil {
		return ErrNotSent
	}
	if t.delivered++; t.delivered > t.sent {
		return fmt.Errorf("%w: sent %d times, delivered %d times", ErrNotSent, t.sent, t.delivered)
	}
	return nil
}

// deliverLatest: each position is higher than the one before.
func (s *stream) deliverLatest(f uint64) error {
	for i := max(s.next, s.first); i < s.end(); i++ {
		if s.print(i) == f {
			s.next = i + 1
			s.forgetBelow(s.next - min(s.next, staleKept))
			return nil
		}
	}
	for i := s.first; i < min(s.next, s.end()); i++ {
		if s.print(i) == f {
			return fmt.Errorf("%w: message %d, after %d", ErrStale, i, s.next-1)
		}
	}
	return ErrNotSent
}

// deliverReliable: within a session each is the one behind the last. A later
// session may begin with what was delivered already, and leaves nothing out
// unless the sender has given something up. Equal messages leave several places
// where one may have been.
func (s *stream) deliverReliable(f, session uint64) error {
	found := s.find(f)
	at := found
	switch {
	case session == s.session:
		at = nil
		for _, i := range s.at {
			at = append(at, s.behind(i, f)...)
		}
	default:
		at = slices.DeleteFunc(slices.Clone(found), func(i uint64) bool { return i > s.latest() })
	}
	if len(at) > 0 {
		s.session, s.at = session, at
		s.best = max(s.best, at[len(at)-1]+1)
		// A sender has no more than a window unacknowledged; what is older is
		// not sent again.
		s.forgetBelow(at[0] - min(at[0], wire.ReliableWindow))
		return nil
	}
	if len(found) > 0 {
		return fmt.Errorf("%w: message %d, after %v", ErrGap, found[0], s.at)
	}
	return ErrNotSent
}

// latest returns the last message that may come next: the first one, in the
// beginning, or that behind the last, those apart that are too large or may have
// been given up.
func (s *stream) latest() uint64 {
	i := s.first
	if len(s.at) > 0 {
		i = s.at[len(s.at)-1] + 1
	}
	for i = max(i, s.first); i < s.end(); i++ {
		if m := s.sent[s.head+int(i-s.first)]; !m.tooLarge && !s.released(m) {
			break
		}
	}
	return i
}

// behind returns where the message may be among those that may come next behind
// a position.
func (s *stream) behind(i, f uint64) (at []uint64) {
	for i++; i >= s.first && i < s.end(); i++ {
		if s.print(i) == f {
			at = append(at, i)
		}
		if !s.sent[s.head+int(i-s.first)].tooLarge {
			break
		}
	}
	return at
}

func (s *stream) find(f uint64) (at []uint64) {
	for i := s.first; i < s.end(); i++ {
		if s.print(i) == f {
			at = append(at, i)
		}
	}
	return at
}

func (s *stream) len() int                     { return len(s.sent) - s.head }
func (s *stream) end() uint64                  { return s.first + uint64(s.len()) }
func (s *stream) print(position uint64) uint64 { return s.sent[s.head+int(position-s.first)].print }
func (s *stream) forgetBelow(first uint64) {
	for s.first < first && s.len() > 0 {
		s.forget()
	}
}

// forget forgets the oldest message. Of equal Realtime ones that may be the one
// that was delivered, or not: the doubt is the receiver's.
func (s *stream) forget() {
	f := s.sent[s.head].print
	s.head++
	s.first++
	if s.head >= 1024 && s.head >= s.len() {
		s.sent, s.head = s.sent[:copy(s.sent, s.sent[s.head:])], 0
	}
	if s.counts == nil {
		return
	}
	t := s.counts[f]
	t.sent, t.delivered = t.sent-1, max(t.delivered-1, 0)
	if t.sent == 0 {
		delete(s.counts, f)
	}
}
