package hub

import (
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/intentra/intentra"
)

// control handles a control message of a client.
func (c *core) control(m *member, in intentra.Message, now time.Duration) {
	msg, err := decode(in.Payload)
	if in.Intent != intentra.Reliable {
		err = errors.New("a control message is not Reliable")
	}
	if err == nil {
		if msg.Seq <= m.seq {
			return // a repetition
		}
		m.seq = msg.Seq
		if c.solicited(m, &msg, now) {
			return
		}
	}
	if !m.requests.allow(1, now) {
		c.stats.Requests[RequestExcess]++
		c.reject(m, &msg, codeLimit, errors.New("too many requests; wait a second"), now)
		return
	}
	if err != nil {
		c.stats.Requests[RequestMalformed]++
		c.reject(m, &msg, codeMalformed, err, now)
		return
	}
	if msg.Type == typeHello {
		c.hello(m, now)
		return
	}
	if !m.greeted {
		return // left over from an earlier session
	}
	c.request(m, &msg, now)
}

// solicited handles the answers that a client owes the hub. They do not count as
// requests.
func (c *core) solicited(m *member, msg *message, now time.Duration) bool {
	if msg.Type != typeAnnounced && msg.Type != typeRetracted || msg.Channel == nil {
		return false
	}
	from := feedAnnouncing
	if msg.Type == typeRetracted {
		from = feedRetracting
	}
	f := m.feedOf(*msg.Channel)
	if f == nil || f.state != from {
		return false
	}
	if from == feedAnnouncing {
		f.open()
	} else {
		f.state = feedIdle
		delete(m.byNumber, *msg.Channel)
	}
	f.advance(c, now)
	return true
}

// feedOf returns the feed that the hub has announced under a number.
func (m *member) feedOf(number uint32) *feed { return m.byNumber[number] }

// request handles a request of a client that has said hello.
func (c *core) request(m *member, msg *message, now time.Duration) {
	switch msg.Type {
	case typeDeclare:
		c.declareRequest(m, msg, now)
	case typeRetract:
		c.retractRequest(m, msg, now)
	case typeSubscribe:
		c.subscribeRequest(m, msg, now)
	case typeUnsubscribe:
		if msg.ID == nil {
			c.reject(m, msg, codeMalformed, errors.New("no id"), now)
			return
		}
		if i := slices.IndexFunc(m.subscriptions, func(s *subscription) bool { return s.id == *msg.ID }); i >= 0 {
			c.unsubscribe(m, m.subscriptions[i], now)
		}
		c.reply(m, message{Type: typeUnsubscribed, ID: msg.ID}, now)
	case typeWatch:
		c.watch(m, now)
	case typeList:
		p, err := ParsePattern(msg.Pattern)
		if err != nil {
			c.reject(m, msg, codeMalformed, err, now)
			return
		}
		m.listing = &listing{pattern: p}
		m.work(len(c.topics.sorted), now)
		c.flush(m, now)
	default:
		c.stats.Requests[RequestUnknown]++ // of a later version: ignored
		return
	}
	c.stats.Requests[RequestAccepted]++
}

// hello begins a client's dialogue: whatever it had asked for before is forgotten.
func (c *core) hello(m *member, now time.Duration) {
	c.stats.Requests[RequestAccepted]++
	if m.greeted {
		m.work(len(m.feeds), now)
		m = c.rejoin(m, now)
	}
	m.greeted = true
	if m.publisher.member != m {
		c.attach(m)
		c.presence(m.publisher, now)
	}
	c.welcome(m, now)
}

func (c *core) welcome(m *member, now time.Duration) {
	c.reply(m, message{
		Type: typeWelcome, Version: version, Name: m.publisher.name,
		Limits: &PublishLimits{Updates: c.limits.Updates, Bytes: c.limits.Bytes},
	}, now)
	m.hubsDue = c.hubs != nil
	c.flush(m, now)
}

func (c *core) declareRequest(m *member, msg *message, now time.Duration) {
	desc, err := msg.topic()
	switch {
	case err == nil && (msg.Channel == nil || *msg.Channel == ControlChannel || *msg.Channel > maxChannel):
		err = errors.New("the channel must be 1 to 1,048,575")
		fallthrough
	case err != nil:
		c.reject(m, msg, codeMalformed, err, now)
		return
	case !c.access.mayPublish(m.peer.Key(), m.publisher.name+"/"+desc.Name):
		c.reject(m, msg, codeNotAllowed, errors.New("the access list does not allow to publish this topic"), now)
		return
	}
	switch code, ok := c.declare(m, *msg.Channel, desc, now); {
	case ok && desc.Stamp:
		m.peer.Clock() // so that it is known when the first update comes
	case ok:
	case code == codeConflict:
		c.reject(m, msg, code, errors.New("the channel or the name is in use for another topic"), now)
	default:
		c.reject(m, msg, code, errors.New("there are too many topics"), now)
	}
}

func (c *core) retractRequest(m *member, msg *message, now time.Duration) {
	if msg.Channel == nil {
		c.reject(m, msg, codeMalformed, errors.New("no channel"), now)
		return
	}
	if t := m.declared[*msg.Channel]; t != nil {
		delete(m.declared, *msg.Channel)
		c.remove(t, now)
	}
	c.reply(m, message{Type: typeRetracted, Channel: msg.Channel}, now)
}

// subscribeRequest adds a subscription, or changes the one with the same id.
func (c *core) subscribeRequest(m *member, msg *message, now time.Duration) {
	pattern, err := ParsePattern(msg.Pattern)
	if err == nil && msg.ID == nil {
		err = errors.New("no id")
	}
	if err == nil {
		err = checkRate(msg.MaxRate)
	}
	if err == nil && msg.Area != nil {
		err = msg.Area.check()
	}
	if err != nil {
		c.reject(m, msg, codeMalformed, err, now)
		return
	}
	s := &subscription{id: *msg.ID, pattern: pattern, area: msg.Area, cached: msg.Cached}
	if msg.MaxRate > 0 {
		s.interval = time.Duration(float64(time.Second) / msg.MaxRate)
	}
	if i := slices.IndexFunc(m.subscriptions, func(s *subscription) bool { return s.id == *msg.ID }); i >= 0 {
		c.change(m, m.subscriptions[i], s, now)
	} else {
		if len(m.subscriptions) >= c.limits.Subscriptions {
			c.reject(m, msg, codeLimit, errors.New("there are too many subscriptions"), now)
			return
		}
		m.subscriptions = append(m.subscriptions, s)
		c.stats.Subscriptions++
		c.matchAll(m, s, now)
	}
	c.reply(m, message{Type: typeSubscribed, ID: msg.ID}, now)
}

// matchAll matches all topics with a new subscription.
func (c *core) matchAll(m *member, s *subscription, now time.Duration) {
	topics := c.topics.under(s.pattern)
	m.work(len(topics), now)
	for _, t := range topics {
		switch f := m.feeds[t]; {
		case f != nil:
			f.revise(c, s, now)
		case c.selects(m, s, t):
			newFeed(m, t).revise(c, s, now)
		}
	}
}

// work takes what a request costs, beyond one, out of the budget of the member: as much as a
// request for each topicsPerRequest topics that the hub has to look at.
func (m *member) work(topics int, now time.Duration) { m.charge(topics/topicsPerRequest, now) }

// charge takes n requests out of the budget of the member.
func (m *member) charge(n int, now time.Duration) {
	if n > 0 {
		m.requests.take(n, now)
	}
}

// change replaces what a subscription asks for. Its feeds keep their state if the
// pattern is the same, so that a moving area costs no announcement.
func (c *core) change(m *member, s, to *subscription, now time.Duration) {
	moved := s.area != to.area
	same := s.pattern.String() == to.pattern.String()
	s.pattern, s.interval, s.area, s.cached = to.pattern, to.interval, to.area, to.cached
	if !same {
		c.matchAll(m, s, now)
	}
	m.work(len(m.feeds), now)
	for _, f := range m.sortedFeeds() {
		f.revise(c, s, now)
		if moved && same {
			f.reconsider(c, s, now)
		}
	}
}

// reconsider sends the newest value if an area has moved so that the object is inside
// it now, or no longer.
func (f *feed) reconsider(c *core, s *subscription, now time.Duration) {
	i := f.ruleOf(s)
	if i < 0 || f.state != feedLive {
		return
	}
	value, ok := c.newest(f.topic, now)
	if !ok {
		return
	}
	pos, located := f.topic.valuePosition()
	if inside := s.area == nil || located && s.area.contains(pos); inside != f.rules[i].visible {
		if f.passes(c, &value, pos, located, now) {
			f.send(c, f.topic.message(&value, now), now)
		}
	}
}

// unsubscribe removes a subscription.
func (c *core) unsubscribe(m *member, s *subscription, now time.Duration) {
	i := slices.Index(m.subscriptions, s)
	if i < 0 {
		return
	}
	m.subscriptions = slices.Delete(m.subscriptions, i, i+1)
	c.stats.Subscriptions--
	s.ended = true
	m.work(len(m.feeds), now)
	for _, f := range m.sortedFeeds() {
		f.revise(c, s, now)
	}
}

// watch has the client told of all publishers, and of every change from now on.
func (c *core) watch(m *member, now time.Duration) {
	m.watching = true
	for _, pub := range c.sortedPublishers() {
		c.show(m, pub)
	}
	c.flush(m, now)
}

// reject answers a request with an error.
func (c *core) reject(m *member, msg *message, code string, err error, now time.Duration) {
	c.stats.Requests[RequestRejected]++
	kind := msg.Type
	if !knownRequest(kind) {
		kind = ""
	}
	c.reply(m, message{Type: typeError, For: kind, Channel: msg.Channel, ID: msg.ID, Code: code, Text: short(err.Error())}, now)
}

func knownRequest(kind string) bool {
	return slices.Contains([]string{typeHello, typeDeclare, typeRetract, typeSubscribe, typeUnsubscribe, typeWatch, typeList, typeAnnounced, typeRetracted}, kind)
}

// short cuts text that may quote what a client sent.
func short(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	s = s[:most]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "..."
}
