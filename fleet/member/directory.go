package member

import (
	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/frame"
)

// ReceiveDirectory handles changes of another hub's directory.
func (m *Member) ReceiveDirectory(b []byte) {
	var d frame.Directory
	if frame.Decode(b, &d) != nil {
		m.stats.Malformed++
		return
	}
	o := m.hubs[d.Hub]
	if o == nil || !o.alive || o.inc != d.Incarnation || d.Snapshot {
		return
	}
	switch {
	case d.Seq <= o.directory && o.synced:
		return
	case !o.synced || d.Seq != o.directory+1:
		m.askFor(o, &o.askDirectoryAt, frame.Ask{Directory: true})
		return
	}
	o.directory = d.Seq
	m.apply(o, d.Ops)
}

// receiveSnapshot collects the parts of a snapshot. If one is missing, this hub
// asks again after the next heartbeat.
func (m *Member) receiveSnapshot(o *other, d *frame.Directory) {
	if !d.Snapshot || o.synced && d.Seq < o.directory {
		return
	}
	if d.Part == 0 {
		o.snapshot, o.part, o.partOf = nil, 0, d.Seq
	}
	if d.Part != o.part || d.Seq != o.partOf || len(o.snapshot) > maxTopics+maxSessions {
		return
	}
	o.part++
	o.snapshot = append(o.snapshot, d.Ops...)
	if o.part < d.Parts {
		return
	}
	ops := o.snapshot
	o.snapshot, o.part, o.partOf = nil, 0, 0
	o.synced, o.directory = true, d.Seq

	sessions, topics := make(map[intentra.PublicKey]bool), make(map[uint64]bool)
	for _, op := range ops {
		switch {
		case op.Session != nil:
			sessions[op.Session.Key] = true
		case op.Topic != nil:
			topics[op.Topic.ID] = true
		}
	}
	var gone []frame.Op
	for _, k := range sortedKeys(o.sessions) {
		if !sessions[k] {
			gone = append(gone, frame.Op{Forget: &k})
		}
	}
	for id := range o.topics {
		if !topics[id] {
			gone = append(gone, frame.Op{Retract: id})
		}
	}
	m.apply(o, append(gone, ops...))
}

// apply applies changes of a hub's directory.
func (m *Member) apply(o *other, ops []frame.Op) {
	var touched []*publisher
	seen := make(map[*publisher]bool)
	touch := func(p *publisher) {
		if p != nil && !seen[p] {
			seen[p] = true
			touched = append(touched, p)
		}
	}
	for _, op := range ops {
		switch {
		case op.Session != nil:
			touch(m.applySession(o, op.Session))
		case op.Topic != nil:
			touch(m.applyTopic(o, op.Topic))
		case op.Retract != 0:
			if t := o.topics[op.Retract]; t != nil {
				touch(t.session.publisher)
				m.removeTopic(t)
			}
		case op.Forget != nil:
			if s := o.sessions[*op.Forget]; s != nil {
				seen[s.publisher] = true
				m.endSession(s)
				delete(seen, s.publisher)
			}
		}
	}
	for _, p := range touched {
		m.settle(p)
	}
}

func (m *Member) applySession(o *other, f *frame.Session) *publisher {
	s := o.sessions[f.Key]
	if s == nil {
		if m.sessions >= maxSessions {
			m.stats.Refused++
			return nil
		}
		p := m.publisher(f.Key)
		s = &session{publisher: p, hub: o, topics: make(map[string]*topic)}
		o.sessions[f.Key] = s
		p.others = append(p.others, s)
		m.sessions++
	}
	s.generation, s.revision, s.connected, s.restarts = f.Generation, f.Revision, f.Connected, f.Restarts
	if s.over = f.Over; len(s.over) > maxHubs {
		s.over = nil // a fleet has fewer hubs
	}
	return s.publisher
}

func (m *Member) applyTopic(o *other, f *frame.Topic) *publisher {
	s := o.sessions[f.Key]
	if s == nil || m.foreign >= maxTopics || f.Hub().Validate() != nil {
		m.stats.Refused++
		return nil
	}
	if t := o.topics[f.ID]; t != nil {
		return nil // an ID always means the same topic
	}
	if old := s.topics[f.Name]; old != nil {
		m.removeTopic(old)
	}
	t := &topic{Topic: *f, session: s}
	o.topics[f.ID], s.topics[f.Name] = t, t
	m.foreign++
	return s.publisher
}

func (m *Member) removeTopic(t *topic) {
	s := t.session
	delete(s.hub.topics, t.ID)
	delete(s.topics, t.Name)
	m.foreign--
	// A topic that is shown stays so until settle: it may have a successor.
	if t.asked {
		p := s.publisher
		shown := p.topics[t.Name]
		delete(p.topics, t.Name)
		m.ask(t)
		p.topics[t.Name] = shown
	}
}

// endSession removes a session of another hub with its topics.
func (m *Member) endSession(s *session) {
	p := s.publisher
	for _, name := range sortedNames(s.topics) {
		m.removeTopic(s.topics[name])
	}
	delete(s.hub.sessions, p.key)
	for i, o := range p.others {
		if o == s {
			p.others = append(p.others[:i], p.others[i+1:]...)
			break
		}
	}
	m.sessions--
	m.settle(p)
}
