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
	// ErrNotSent is returned when a message is delivered that was not sent, or
	// more often than it was sent.
	ErrNotSent = errors.New("delivered, but not sent")
	// ErrStale is returned when a Latest message is delivered after a newer one
	// of its channel, or again.
	ErrStale = errors.New("delivered after a newer one")
	// ErrGap is returned when the Reliable message that is delivered is not the
	// next one of its channel, not counting those too large for the receiver.
	ErrGap = errors.New("delivered out of order")
)

// A stream forgets a message once streamKept newer ones have been sent and streamTime
// has passed, which is longer than any queue or link keeps a message.
const (
	streamKept = 1 << 14
	streamTime = pipeline.Time(10 * time.Minute)
	staleKept  = 256 // delivered Latest messages kept, to tell ErrStale from ErrNotSent
)

// streamKey names the messages of one intent on one channel, in one direction.
type streamKey struct {
	from, to intentra.PublicKey
	channel  uint32
	intent   intentra.Intent
}

// stream holds the fingerprints of the messages that may still be delivered.
type stream struct {
	key    streamKey
	sent   []sentMessage // a queue that begins at head
	head   int
	first  uint64            // position of sent[head]
	counts map[uint64]*tally // Realtime: by fingerprint

	next    uint64   // Latest: the position after the last delivered
	session uint64   // Reliable: the session that last delivered
	at      []uint64 // Reliable: the positions that its last message may have
	told    bool     // Reliable: the receiver has learnt of a loss since then
	promises
}

type sentMessage struct {
	print uint64
	at    pipeline.Time
	// The message may be missing: it has a TTL, or is too large for the receiver, whose
	// limit the sender did not know yet; see intentra.ErrMessageTooLarge.
	tooLarge bool
	expires  bool          // it has a TTL
	age      time.Duration // when it was sent, of one that is passed on
	hold     uint64        // Reliable: the number of the sender's holding
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

// fingerprint returns the FNV-1a hash of b, which is the same on all machines. No
// input here is crafted to collide.
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
	s.sent = append(s.sent, sentMessage{print: f, at: now, tooLarge: tooLarge, hold: s.hold})
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

// deliverRealtime accepts any order, and each message once.
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

// deliverLatest accepts each message only after older ones.
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

// deliverReliable accepts the next message of a session. A later session may repeat
// delivered messages, and omits one only if the sender has given it up. If messages
// are equal, the delivered one may have several positions, and all are kept.
func (s *stream) deliverReliable(f, session uint64) error {
	found := s.find(f)
	var at []uint64
	if session == s.session {
		for _, i := range s.at {
			at = append(at, s.after(i, f)...)
		}
	} else {
		at = slices.DeleteFunc(slices.Clone(found), func(i uint64) bool { return i > s.latest() })
	}
	if len(at) > 0 {
		if session == s.session && !s.told && s.silent(s.at[len(s.at)-1]+1, at[0]) {
			return fmt.Errorf("%w: a message before message %d has expired, and its receiver has not learnt of it", ErrGap, at[0])
		}
		s.session, s.at, s.told = session, at, false
		s.best = max(s.best, at[len(at)-1]+1)
		// A sender has at most one window of messages unacknowledged, and repeats no
		// older ones.
		s.forgetBelow(at[0] - min(at[0], wire.ReliableWindow))
		return nil
	}
	if len(found) > 0 {
		return fmt.Errorf("%w: message %d, after %v", ErrGap, found[0], s.at)
	}
	return ErrNotSent
}

// silent reports whether the messages from one position to another include one that has
// a TTL.
func (s *stream) silent(from, to uint64) bool {
	for i := max(from, s.first); i < to; i++ {
		if s.sent[s.head+int(i-s.first)].expires {
			return true
		}
	}
	return false
}

// latest returns the last position that a later session may deliver next: the one
// after the last delivered position, or the first of all, skipping messages
// that are too large or may have been given up.
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

// after returns the positions of messages with fingerprint f that may follow position
// i in one session, where only messages that are too large may be skipped.
func (s *stream) after(i, f uint64) (at []uint64) {
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

// forget removes the oldest message. If there are equal Realtime messages, it is
// unknown which of them were delivered; this one is assumed to be.
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
