package member

import (
	"bytes"
	"slices"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/frame"
	"github.com/intentra/intentra/hub"
)

// localTopic is a topic of a publisher of this hub.
type localTopic struct {
	frame.Topic
	seq      uint64   // of the latest update
	wantedBy []*other // hubs that want it
}

// LocalPublisher is called when a peer of this hub has connected, restarted or
// disconnected.
func (m *Member) LocalPublisher(pub hub.Publisher) {
	p := m.publisher(pub.Key)
	s := p.local
	if s == nil {
		s = &session{publisher: p}
		p.local = s
	}
	if pub.Connected && (!s.connected || s.restarts != pub.Restarts || s.generation == 0) {
		m.begin(s)
	}
	if !pub.Connected {
		m.Flush() // before other hubs drop what comes
	}
	s.connected, s.restarts = pub.Connected, pub.Restarts
	m.announce(s)
	m.later(p)
}

// announce adds the state of a session of this hub to the directory.
func (m *Member) announce(s *session) {
	m.ops = append(m.ops, frame.Op{Session: s.describe()})
}

// LocalForgotten is called when a peer of this hub has been forgotten.
func (m *Member) LocalForgotten(k intentra.PublicKey) {
	p := m.publishers[k]
	if p == nil || p.local == nil {
		return
	}
	m.Flush()
	m.forgotten = max(m.forgotten, p.local.generation)
	p.local = nil
	m.ops = append(m.ops, frame.Op{Forget: &k})
	m.later(p)
}

// LocalTopic is called when a publisher of this hub has declared a topic.
func (m *Member) LocalTopic(id uint64, k intentra.PublicKey, t hub.Topic) {
	lt := &localTopic{Topic: frame.NewTopic(id, k, t)}
	m.topics[id] = lt
	m.ops = append(m.ops, frame.Op{Topic: &lt.Topic})
}

// LocalRetracted is called when a topic of this hub has ended.
func (m *Member) LocalRetracted(id uint64) {
	if m.topics[id] == nil {
		return
	}
	m.Flush()
	delete(m.topics, id)
	for _, o := range m.hubs {
		delete(o.wants, id)
	}
	m.ops = append(m.ops, frame.Op{Retract: id})
}

// flushDirectory broadcasts the changes of the directory.
func (m *Member) flushDirectory() {
	for part := range slices.Chunk(m.ops, opsPerPart) {
		m.directory++
		m.bus.Directory(frame.Encode(frame.Directory{
			Hub: m.cfg.Key, Incarnation: m.cfg.Incarnation, Seq: m.directory, Ops: part,
		}))
	}
	m.ops = m.ops[:0]
}

// snapshot sends the whole directory to one hub.
func (m *Member) snapshot(o *other) {
	m.flushDirectory()
	var ops []frame.Op
	for _, p := range m.sortedPublishers() {
		if p.local != nil {
			ops = append(ops, frame.Op{Session: p.local.describe()})
		}
	}
	for _, t := range m.sortedTopics() {
		ops = append(ops, frame.Op{Topic: &t.Topic})
	}
	parts := slices.Collect(slices.Chunk(ops, opsPerPart))
	if len(parts) == 0 {
		parts = [][]frame.Op{nil}
	}
	for i, part := range parts {
		m.direct(o, frame.Direct{Directory: &frame.Directory{
			Hub: m.cfg.Key, Incarnation: m.cfg.Incarnation, Seq: m.directory, Snapshot: true, Part: i, Parts: len(parts), Ops: part,
		}})
	}
}

// direct sends a message to one hub.
func (m *Member) direct(o *other, d frame.Direct) {
	d.From, d.Incarnation, d.To = m.cfg.Key, m.cfg.Incarnation, o.inc
	m.bus.Direct(o.key, frame.Encode(d))
}

func (m *Member) sortedPublishers() []*publisher {
	list := make([]*publisher, 0, len(m.publishers))
	for _, p := range m.publishers {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *publisher) int { return bytes.Compare(a.key[:], b.key[:]) })
	return list
}

func (m *Member) sortedTopics() []*localTopic {
	list := make([]*localTopic, 0, len(m.topics))
	for _, t := range m.topics {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b *localTopic) int { return int(min(max(int64(a.ID-b.ID), -1), 1)) })
	return list
}
