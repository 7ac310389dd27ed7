package member

import (
	"maps"
	"slices"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/frame"
)

// publisher is a key with its sessions at all hubs.
type publisher struct {
	key    intentra.PublicKey
	local  *session
	others []*session
	// shown is the session whose topics this hub shows to its subscribers, and topics
	// these topics by name; nil if its own session counts, or none.
	shown  *session
	topics map[string]*topic
	wanted map[string]bool // topics that this hub's subscribers want
}

// topic is a topic of a publisher at another hub.
type topic struct {
	frame.Topic
	session *session
	last    uint64 // the newest update
	based   bool   // last is known since it was asked for
	asked   bool   // its hub has been informed that it is wanted
	paused  bool   // it was asked for until its hub became silent
	doubted bool   // its hub was silent, and its newest value has not come since
}

func (m *Member) publisher(k intentra.PublicKey) *publisher {
	p := m.publishers[k]
	if p == nil {
		p = &publisher{key: k, topics: make(map[string]*topic), wanted: make(map[string]bool)}
		m.publishers[k] = p
	}
	return p
}

// settle decides which session of a publisher counts, and shows it to the hub.
func (m *Member) settle(p *publisher) {
	best := m.elect(p)
	switch {
	case best == nil && p.shown != nil:
		m.hide(p)
		m.hub.Disconnect(p.key)
	case best == nil || best.hub == nil:
		m.hide(p)
	default:
		m.show(p, best)
	}
	if p.local == nil && len(p.others) == 0 && len(p.wanted) == 0 {
		delete(m.publishers, p.key)
	}
}

// hide ends that topics of another hub are shown as a present publisher's.
func (m *Member) hide(p *publisher) {
	if p.shown == nil {
		return
	}
	lost := p.shown.hub != nil && !p.shown.hub.alive
	p.shown = nil
	for _, t := range p.sorted() {
		m.ask(t)
		if lost {
			m.doubtTopic(t)
		}
	}
	clear(p.topics)
}

// show shows the topics of a session at another hub.
func (m *Member) show(p *publisher, s *session) {
	before := p.shown
	if before != s && before != nil {
		m.stats.Moves++
	}
	if !m.hub.Connect(p.key, s.restarts) {
		m.hide(p)
		return
	}
	p.shown = s
	for _, old := range p.sorted() {
		if s.topics[old.Name] == old {
			continue
		}
		delete(p.topics, old.Name)
		m.ask(old)
		if s.topics[old.Name] == nil {
			m.hub.Retract(p.key, old.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.topics)) {
		t := s.topics[name]
		if p.topics[name] == t {
			continue
		}
		if !m.hub.Declare(p.key, t.Hub()) {
			m.stats.Refused++
			continue
		}
		p.topics[name] = t
		m.ask(t)
	}
}

func (p *publisher) sorted() []*topic {
	list := make([]*topic, 0, len(p.topics))
	for _, name := range slices.Sorted(maps.Keys(p.topics)) {
		list = append(list, p.topics[name])
	}
	return list
}
