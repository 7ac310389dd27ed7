package ack

import (
	"time"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// SessionOpened creates the session's state. The chain calls it.
func (s *Stage) SessionOpened(n pipeline.SessionNotice) {
	s.sessions.Open(n.Session).reorder.pool = &s.rings
}

// SessionClosed deletes the session's state. If a packet of the session is being
// processed, its remaining messages are skipped. The chain calls it.
func (s *Stage) SessionClosed(n pipeline.SessionNotice) {
	s.clear(n.Session)
	if s.session == s.sessions.Get(n.Session) {
		s.rest, s.releasing = nil, false
	}
	s.sessions.Close(n.Session)
}

// EpochOpened creates the epoch's state. A session has at most three live epochs. The
// chain calls it.
func (s *Stage) EpochOpened(n pipeline.EpochNotice) {
	ss := s.sessions.Get(n.Session)
	if ss == nil {
		return
	}
	for i, e := range ss.epochs {
		if e == nil {
			ss.epochs[i] = &epoch{id: n.Epoch, seq: n.Seq}
			return
		}
	}
}

// EpochClosed deletes the epoch's state. The chain calls it.
func (s *Stage) EpochClosed(n pipeline.EpochNotice) {
	ss := s.sessions.Get(n.Session)
	if ss == nil {
		return
	}
	for i, e := range ss.epochs {
		if e != nil && e.id == n.Epoch {
			ss.epochs[i] = nil
		}
	}
}

func (ss *session) byID(id pipeline.ID) *epoch {
	for _, e := range ss.epochs {
		if e != nil && e.id == id {
			return e
		}
	}
	return nil
}

// bySeq returns the epoch whose number has the given low byte, or nil.
func (ss *session) bySeq(low uint8) *epoch {
	for _, e := range ss.epochs {
		if e != nil && uint8(e.seq) == low {
			return e
		}
	}
	return nil
}

// before returns the epoch before e, or nil.
func (ss *session) before(e *epoch) *epoch {
	for _, o := range ss.epochs {
		if o != nil && o.seq+1 == e.seq {
			return o
		}
	}
	return nil
}

// Release drops the messages that the session holds or that are incomplete, and counts
// them, and each fragment that is held, in chain.
func (s *Stage) Release(chain *pipeline.Inbound, id pipeline.ID) {
	chain.CountMessageDrop(s.Name(), DropClosed, s.clear(id))
}

func (s *Stage) clear(id pipeline.ID) int {
	ss := s.sessions.Get(id)
	if ss == nil {
		return 0
	}
	_, bytes := ss.reorder.Held()
	s.held -= bytes
	return ss.reorder.Clear(s.buffers.put) + s.clearFragments(ss)
}

// Silence stops all acknowledgements of the session: its messages are no longer
// delivered, so the peer must not assume that they were received.
func (s *Stage) Silence(id pipeline.ID) {
	if ss := s.sessions.Get(id); ss != nil {
		ss.silent = true
	}
}

// HeldBytes returns the size of the messages held in all sessions, as HeldSize.
func (s *Stage) HeldBytes() int { return s.held }

// SessionHeldBytes returns the size of the messages that one session holds.
func (s *Stage) SessionHeldBytes(id pipeline.ID) int {
	if ss := s.sessions.Get(id); ss != nil {
		_, bytes := ss.reorder.Held()
		return bytes
	}
	return 0
}

// SetReliableSent sets how many Reliable messages the session has sent, so that the
// stage can refuse an acknowledgement of more.
func (s *Stage) SetReliableSent(id pipeline.ID, next uint64) {
	if ss := s.sessions.Get(id); ss != nil {
		ss.reliableSent = next
	}
}

// SetCapabilities sets the capabilities that both sides of the session have. Frames of
// others are malformed. A new session has none.
func (s *Stage) SetCapabilities(id pipeline.ID, c wire.Capabilities) {
	if ss := s.sessions.Get(id); ss != nil {
		ss.capabilities = c
	}
}

// RTT returns the session's round-trip estimate.
func (s *Stage) RTT(id pipeline.ID) RTT {
	if ss := s.sessions.Get(id); ss != nil {
		return ss.rtt
	}
	return RTT{}
}

// Tracker returns the record of packets sent in an epoch, or nil. It is valid until
// the epoch closes.
func (s *Stage) Tracker(session, epoch pipeline.ID) *Tracker {
	if ss := s.sessions.Get(session); ss != nil {
		if e := ss.byID(epoch); e != nil {
			return &e.tracker
		}
	}
	return nil
}

// Deadline returns when an acknowledgement of the session must be sent, even in a
// packet without data. ok is false if none is due.
func (s *Stage) Deadline(id pipeline.ID) (at pipeline.Time, ok bool) {
	ss := s.sessions.Get(id)
	if ss == nil {
		return 0, false
	}
	for _, e := range ss.epochs {
		if e == nil {
			continue
		}
		if n, _ := e.history.Pending(); n == 0 {
			continue
		}
		if due := s.due(ss, e); !ok || due < at {
			at, ok = due, true
		}
	}
	return at, ok
}

// due returns when the packets of e that are not acknowledged yet must be.
func (s *Stage) due(ss *session, e *epoch) pipeline.Time {
	n, since := e.history.Pending()
	switch {
	case n >= s.cfg.Every || int(e.bytes) >= s.cfg.EveryBytes:
		return since
	case e.atOnce:
		return ss.lastAck + atOnceInterval
	case ss.reorder.Gap():
		return since + pipeline.Time(s.cfg.GapDelay)
	case e.urgent:
		return min(e.urgentAt+pipeline.Time(s.cfg.Delay), since+pipeline.Time(s.cfg.LazyDelay))
	}
	return since + pipeline.Time(s.cfg.LazyDelay)
}

// ackInterval returns the minimum time between two acknowledgements that are attached
// to data.
func (s *Stage) ackInterval(ss *session, e *epoch) time.Duration {
	switch {
	case ss.reorder.Gap():
		return s.cfg.GapDelay
	case e.urgent:
		return s.cfg.Delay
	}
	return s.cfg.LazyDelay
}

// Warm reads the acknowledgement state of the epoch. The chain calls it.
func (s *Stage) Warm(session, epoch pipeline.ID, _ uint64) uint64 {
	if ss := s.sessions.Get(session); ss != nil {
		if e := ss.byID(epoch); e != nil {
			return e.history.largest + e.history.floors[0]
		}
	}
	return 0
}
