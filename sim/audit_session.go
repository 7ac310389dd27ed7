package sim

import (
	"errors"
	"fmt"

	"github.com/intentra/intentra/pipeline"
)

// ErrReplayed is returned when two packets with one counter have delivered
// messages.
var ErrReplayed = errors.New("a packet counter has delivered twice")

// sessions is a stage that accepts everything. It learns of sessions and epochs,
// whose IDs are reused, and gives each session a serial number.
type sessions struct {
	live   pipeline.Slots[*watchedSession]
	opened *uint64 // of all processes
}

type watchedSession struct {
	serial uint64
	epochs []*watchedEpoch // few
}

type watchedEpoch struct {
	id    pipeline.ID
	pages map[uint64]*page // of counters that have delivered, by number
	// The packet that last delivered: it may carry several messages.
	counter, datagram uint64
}

// page has a bit for each of 4,096 counters.
type page [64]uint64

func (s *sessions) Name() string                              { return "sim_audit" }
func (s *sessions) Reasons() []string                         { return nil }
func (s *sessions) Process(*pipeline.Packet) pipeline.Verdict { return pipeline.Accept }

func (s *sessions) SessionOpened(n pipeline.SessionNotice) {
	*s.opened++
	*s.live.Open(n.Session) = &watchedSession{serial: *s.opened}
}

func (s *sessions) SessionClosed(n pipeline.SessionNotice) { s.live.Close(n.Session) }

func (s *sessions) EpochOpened(n pipeline.EpochNotice) {
	if w := s.get(n.Session); w != nil {
		w.epochs = append(w.epochs, &watchedEpoch{id: n.Epoch, pages: map[uint64]*page{}})
	}
}

func (s *sessions) EpochClosed(n pipeline.EpochNotice) {
	w := s.get(n.Session)
	if w == nil {
		return
	}
	for i, e := range w.epochs {
		if e.id == n.Epoch {
			w.epochs = append(w.epochs[:i], w.epochs[i+1:]...)
			return
		}
	}
}

func (s *sessions) get(id pipeline.ID) *watchedSession {
	if w := s.live.Get(id); w != nil {
		return *w
	}
	return nil
}

// count records that a packet delivers a message. datagram is the number of
// datagrams that the process has received.
func (w *watchedSession) count(id pipeline.ID, counter, datagram uint64) error {
	for _, e := range w.epochs {
		if e.id == id {
			return e.count(counter, datagram)
		}
	}
	return fmt.Errorf("%w: counter %d is of an epoch that has closed", ErrReplayed, counter)
}

func (e *watchedEpoch) count(counter, datagram uint64) error {
	if e.counter == counter && e.datagram == datagram {
		return nil
	}
	e.counter, e.datagram = counter, datagram
	p := e.pages[counter>>12]
	if p == nil {
		p = new(page)
		e.pages[counter>>12] = p
	}
	word, bit := &p[counter>>6&63], uint64(1)<<(counter&63)
	if *word&bit != 0 {
		return fmt.Errorf("%w: %d", ErrReplayed, counter)
	}
	*word |= bit
	return nil
}
