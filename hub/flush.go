package hub

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/intentra/intentra"
)

// flush sends a member what it is to be told, as far as there is room. The rest is
// tried again later.
func (c *core) flush(m *member, now time.Duration) {
	if m.flushing {
		return // called by a step of a flush, which goes on
	}
	m.flushing = true
	defer func() { m.flushing = false }()
	for _, step := range []func(*core, *member, time.Duration) bool{
		(*core).flushReplies, (*core).flushEnded, (*core).flushFeeds, (*core).flushDemands, (*core).flushPresence, (*core).flushListing, (*core).flushHubs,
	} {
		if !step(c, m, now) {
			c.arm(&m.retry, now+retryAfter)
			return
		}
	}
}

// tell sends one control message, and reports whether there was room. A message for a
// peer that has just disconnected is dropped: it will be told when it is back.
func (c *core) tell(m *member, msg *message) bool {
	return c.tellBy(m, msg, func(_ *member, msg intentra.Message) intentra.SendResult { return m.peer.Send(msg) })
}

// tellMuch is tell for a message of which there may be a great many.
func (c *core) tellMuch(m *member, msg *message) bool { return c.tellBy(m, msg, c.sendBulk) }

func (c *core) tellBy(m *member, msg *message, send func(*member, intentra.Message) intentra.SendResult) bool {
	msg.Seq = m.publisher.seq + 1
	r := send(m, intentra.Message{Channel: ControlChannel, Intent: intentra.Reliable, Payload: msg.encode()})
	if errors.Is(r.Err, intentra.ErrQueueFull) {
		return false
	}
	m.publisher.seq++
	return true
}

func (c *core) flushReplies(m *member, _ time.Duration) bool {
	for len(m.replies) > 0 {
		if !c.tell(m, &m.replies[0]) {
			return false
		}
		m.replies = m.replies[1:]
	}
	m.replies = nil
	return true
}

func (c *core) flushEnded(m *member, now time.Duration) bool {
	for len(m.ended) > 0 {
		s := m.ended[0]
		msg := message{
			Type: typeError, For: typeSubscribe, ID: &s.id, Code: codeSlow, Missed: s.missed,
			Text: "the subscription has ended: Reliable updates had no room",
		}
		if !c.tell(m, &msg) {
			return false
		}
		m.ended = m.ended[1:]
		c.stats.Missed += s.missed
		c.unsubscribe(m, s, now)
	}
	return true
}

func (c *core) flushFeeds(m *member, now time.Duration) bool {
	for len(m.dirty) > 0 {
		f := m.dirty[0]
		t := f.topic
		switch {
		case f.state == feedIdle && f.wanted:
			msg := message{Type: typeAnnounce, Channel: pointer(t.number), Publisher: pointer(t.publisher.info())}
			msg.describe(t.desc)
			if !c.tellMuch(m, &msg) {
				return false
			}
			m.byNumber[t.number] = f
			f.state = feedAnnouncing
		case f.state == feedLive && !f.wanted:
			if !c.tellMuch(m, &message{Type: typeRetract, Channel: pointer(t.number)}) {
				return false
			}
			f.state = feedRetracting
		}
		m.dirty = m.dirty[1:]
		f.queued = false
		f.advance(c, now)
	}
	m.dirty = nil
	return true
}

func (c *core) flushDemands(m *member, _ time.Duration) bool {
	for len(m.demands) > 0 {
		t := m.demands[0]
		if wanted := t.isWanted(); t.live && t.told != wanted {
			if !c.tell(m, &message{Type: typeDemand, Channel: pointer(t.channel), Wanted: &wanted}) {
				return false
			}
			t.told = wanted
		}
		t.tell = false
		m.demands = m.demands[1:]
	}
	m.demands = nil
	return true
}

func (c *core) flushPresence(m *member, _ time.Duration) bool {
	for len(m.unseen) > 0 {
		msg := message{Type: typePeers, Seq: math.MaxUint64}
		for _, pub := range m.unseen {
			msg.Peers = append(msg.Peers, pub.info())
			if len(msg.json()) > MaxControl {
				msg.Peers = msg.Peers[:len(msg.Peers)-1]
				break
			}
		}
		msg.More = len(msg.Peers) < len(m.unseen)
		if len(msg.json()) > MaxControl { // "more" did not fit
			msg.Peers = msg.Peers[:len(msg.Peers)-1]
		}
		if !c.tellMuch(m, &msg) {
			return false
		}
		for _, pub := range m.unseen[:len(msg.Peers)] {
			delete(m.inUnseen, pub)
		}
		m.unseen = m.unseen[len(msg.Peers):]
	}
	m.unseen = nil
	return true
}

func (c *core) flushListing(m *member, _ time.Duration) bool {
	for m.listing != nil {
		l := m.listing
		msg := message{Type: typeTopics, Seq: math.MaxUint64, More: true}
		last, end := l.after, true
		for _, t := range c.topics.after(l.after) {
			if l.pattern.Match(t.path) && c.access.mayRead(m.peer.Key(), t.path) {
				msg.Topics = append(msg.Topics, t.info())
				if len(msg.json()) > MaxControl {
					msg.Topics = msg.Topics[:len(msg.Topics)-1]
					end = false
					break
				}
			}
			last = t.path
		}
		msg.More = !end
		if !c.tellMuch(m, &msg) {
			return false
		}
		l.after = last
		if end {
			m.listing = nil
		}
	}
	return true
}

// info describes the topic.
func (t *topic) info() TopicInfo {
	return TopicInfo{
		Path: t.path, Intent: t.desc.Intent, Encoding: t.desc.Encoding, Updates: t.updates, Bytes: t.bytes,
		Subscribers: t.wanted, Conflated: t.conflate, Live: t.live,
	}
}

// sortedFeeds returns the feeds of a member in the order of their paths, so that a
// run of the simulator can be repeated.
func (m *member) sortedFeeds() []*feed {
	feeds := make([]*feed, 0, len(m.feeds))
	for _, f := range m.feeds {
		feeds = append(feeds, f)
	}
	slices.SortFunc(feeds, func(a, b *feed) int { return int(a.topic.number) - int(b.topic.number) })
	return feeds
}

func (c *core) sortedPublishers() []*publisher {
	list := make([]*publisher, 0, len(c.publishers))
	for _, pub := range c.publishers {
		list = append(list, pub)
	}
	slices.SortFunc(list, func(a, b *publisher) int { return bytes.Compare(a.key[:], b.key[:]) })
	return list
}
