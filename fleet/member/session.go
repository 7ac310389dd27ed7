package member

import (
	"bytes"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/frame"
)

// session is a publisher's connection to a hub.
type session struct {
	publisher  *publisher
	hub        *other // nil: this one
	generation uint64
	revision   uint64
	connected  bool
	restarts   uint64
	topics     map[string]*topic // nil for this hub
	// over are the sessions at other hubs that were known when this one began, by the
	// incarnation of their hub: their generations.
	over map[uint64]uint64
}

func (s *session) describe() *frame.Session {
	return &frame.Session{
		Key: s.publisher.key, Generation: s.generation, Revision: s.revision, Connected: s.connected, Restarts: s.restarts, Over: s.over,
	}
}

// present reports whether the peer is connected, as far as this hub can tell.
func (s *session) present() bool { return s.connected && (s.hub == nil || s.hub.alive) }

// follows reports whether s began when o was known at its hub. Then s is newer, whichever
// claim is entered first: claims wait, those of one hub longer than those of another.
func (m *Member) follows(s, o *session) bool {
	inc := m.cfg.Incarnation
	if o.hub != nil {
		inc = o.hub.inc
	}
	return s.over[inc] >= o.generation && o.generation > 0
}

// newer reports whether s is newer than o: if neither follows the other, by the revisions of
// the key-value store if both are known, else by what the hubs knew of each other. It never
// asks a clock.
func (m *Member) newer(s, o *session) bool {
	switch {
	case m.follows(s, o):
		return true
	case m.follows(o, s):
		return false
	case s.revision != 0 && o.revision != 0:
		return s.revision > o.revision
	case s.generation != o.generation:
		return s.generation > o.generation
	}
	a, b := s.hubKey(m.cfg.Key), o.hubKey(m.cfg.Key)
	return bytes.Compare(a[:], b[:]) > 0
}

// replaces reports whether s has replaced l, a session of this hub. Sessions that began without
// knowledge of each other both stay until their claims are entered.
func (m *Member) replaces(s, l *session) bool {
	return s.present() && (m.follows(s, l) || s.revision != 0 && l.revision != 0 && m.newer(s, l))
}

func (s *session) hubKey(self intentra.PublicKey) intentra.PublicKey {
	if s.hub == nil {
		return self
	}
	return s.hub.key
}

// newest returns the highest generation of all sessions.
func (p *publisher) newest() (g uint64) {
	if p.local != nil {
		g = p.local.generation
	}
	for _, s := range p.others {
		g = max(g, s.generation)
	}
	return g
}

// begin begins a session of this hub, which is newer than all that are known.
func (m *Member) begin(l *session) {
	p := l.publisher
	l.generation, l.revision, l.over = max(p.newest(), m.forgotten)+1, 0, nil
	for _, s := range p.others {
		if !s.connected {
			continue
		}
		if l.over == nil {
			l.over = make(map[uint64]uint64)
		}
		l.over[s.hub.inc] = s.generation
	}
	m.claims = append(m.claims, Claim{p.key, l.generation})
}

// Current reports whether the session of a claim is still connected.
func (m *Member) Current(c Claim) bool {
	p := m.publishers[c.Key]
	return p != nil && p.local != nil && p.local.connected && p.local.generation == c.Generation
}

// Claimed notes the revision of the claim of a session that began at this hub.
func (m *Member) Claimed(c Claim, revision uint64) {
	p := m.publishers[c.Key]
	if p == nil || p.local == nil || p.local.generation != c.Generation {
		return
	}
	p.local.revision = revision
	m.announce(p.local)
	m.later(p)
}

// elect returns the session that counts. While a peer is connected to this hub, that is
// its session, until it is known to have been replaced.
func (m *Member) elect(p *publisher) (best *session) {
	for _, s := range p.others {
		if s.present() && (best == nil || m.newer(s, best)) {
			best = s
		}
	}
	l := p.local
	if l == nil || !l.connected {
		return best
	}
	for _, s := range p.others {
		if m.replaces(s, l) {
			l.connected = false
			m.stats.Replaced++
			m.hub.Replace(p.key)
			m.announce(l)
			return best
		}
	}
	return l
}
