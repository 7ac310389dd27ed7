package hub

import (
	"time"

	"github.com/intentra/intentra"
)

// What we chose.
const (
	// restDecided is the time after which values that left before others are known to be
	// lost or to have arrived, if the others are acknowledged.
	restDecided = 3 * restAfter
	// lookEvery is the shortest time between two looks at the counters of a peer.
	lookEvery = 100 * time.Millisecond
)

// losses is what the transport's counters say about the messages to a peer: when they were
// read, when those of lost and displaced messages had changed, and when that of sent ones
// had.
type losses struct {
	looked, troubled, flowed time.Duration
	failed, left             uint64
	open                     bool // some are queued or unacknowledged
	queued                   int  // bytes
}

// begin begins with a peer whose earlier losses do not count.
func (l *losses) begin(p *intentra.Peer, now time.Duration) {
	l.looked = now - lookEvery
	l.look(p, now)
	l.troubled = now - 1
}

// look reads the counters, unless that was not long ago.
func (l *losses) look(p *intentra.Peer, now time.Duration) {
	if now-l.looked < lookEvery {
		return
	}
	s := p.Stats()
	if failed := s.Lost + s.SendDrops; failed != l.failed {
		l.failed, l.troubled = failed, now
	}
	if s.MessagesOut != l.left {
		l.left, l.flowed = s.MessagesOut, now
	}
	l.open = s.QueuedMessages > 0 || s.MessagesOut != s.Acked+s.Lost
	l.queued, l.looked = s.QueueBytes, now
}

// arrived reports whether everything has arrived that was sent to the peer at a time or
// before. It is not decided while it may be under way.
func (l *losses) arrived(p *intentra.Peer, sent, now time.Duration) (arrived, decided bool) {
	l.look(p, now)
	switch {
	case l.troubled >= sent:
		return false, true
	case !l.open:
		return true, true
	case now-l.flowed >= restAfter: // the last packets, or their acknowledgements, are lost
		return false, true
	}
	return true, now-sent >= restDecided
}
