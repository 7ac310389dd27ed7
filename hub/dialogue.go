package hub

import (
	"context"

	"github.com/intentra/intentra"
)

// receive implements Config.Handler of a client.
func (c *Client) receive(in *intentra.Received) {
	var u Update
	c.mu.Lock()
	if in.Peer != c.peer || in.Channel == ControlChannel {
		c.receiveControl(in) // unlocks
		return
	}
	only, all := c.take(in, &u)
	c.mu.Unlock()
	if only != nil {
		only.sub.Handler(u)
	}
	for _, s := range all {
		if s.sub.Handler != nil {
			s.sub.Handler(u)
		}
	}
}

// givenUp implements Config.OnGivenUp.
func (c *Client) givenUp(p *intentra.Peer, channel uint32) {
	c.mu.Lock()
	if r, _ := c.remotes.get(channel); r != nil && p == c.peer {
		if c.gaps == nil {
			c.gaps = make(map[uint32]struct{})
		}
		c.gaps[channel] = struct{}{}
		c.stats.GivenUp++
	}
	c.mu.Unlock()
	if c.cfg.Transport.OnGivenUp != nil {
		c.cfg.Transport.OnGivenUp(p, channel)
	}
}

// receiveControl handles a message that is not an update, and releases the lock.
func (c *Client) receiveControl(in *intentra.Received) {
	defer c.mu.Unlock()
	switch {
	case in.Peer == c.peer:
		c.control(in)
	case in.Channel != ControlChannel: // of a hub that the client has left, or is about to move to
		c.stats.Received++
		c.stats.OtherHub++
	}
}

// take handles an update except for calls of Subscription.Handler, for which it returns the
// streams, a single one as the first result, and sets u.
func (c *Client) take(in *intentra.Received, u *Update) (only *Stream, all []*Stream) {
	c.stats.Received++
	c.clock.aged(in)
	channel, cached := in.Channel, false
	if channel > cachedOffset {
		channel, cached = channel-cachedOffset, true
	}
	r, n := c.remotes.get(channel)
	if r == nil {
		c.stats.Unknown++
		return nil, nil
	}
	if live := *n&noteLive != 0; !cached && !live {
		*n |= noteLive
	} else if cached && live {
		c.stats.Superseded++ // an update has overtaken it
		return nil, nil
	}
	u.Publisher, u.Topic, u.Payload, u.Cached = &r.publisher, &r.desc, in.Payload, cached
	u.Stamp, u.Age, u.Within = in.Stamp, in.Age, in.Within
	if len(c.gaps) > 0 {
		if _, u.Gap = c.gaps[channel]; u.Gap {
			delete(c.gaps, channel)
		}
	}
	if only := c.remotes.handler(*n); only != nil {
		return only, nil
	}
	for _, s := range r.streams {
		if s.sub.Handler == nil {
			s.add(r, *u)
		}
	}
	return nil, r.streams
}

// control handles a control message of the hub.
func (c *Client) control(in *intentra.Received) {
	m, err := decode(in.Payload)
	if err != nil || in.Intent != intentra.Reliable {
		c.stats.Malformed++
		return
	}
	if m.Seq <= c.heard {
		return // a repetition
	}
	c.heard = m.Seq
	switch {
	case m.Type == typeWelcome:
		c.welcome(&m)
	case !c.welcomed: // left over from an earlier session
	case m.Type == typePeers && c.cfg.OnPresence != nil:
		c.unlocked(func() {
			for _, p := range m.Peers {
				c.cfg.OnPresence(Publisher(p))
			}
		})
	case m.Type == typeHubs && c.cfg.OnHubs != nil:
		c.unlocked(func() { c.cfg.OnHubs(m.Hubs, m.Leave) })
	case m.Type == typeTopics && c.listing != nil:
		c.listing.add(&m)
	case m.Channel != nil:
		c.controlTopic(&m, *m.Channel)
	case m.ID != nil:
		c.controlStream(&m, *m.ID)
	}
}

// unlocked calls a callback of the user without the lock, which it holds again if that
// panics.
func (c *Client) unlocked(call func()) {
	c.mu.Unlock()
	defer c.mu.Lock()
	call()
}

// welcome begins the dialogue: the hub knows nothing of this client.
func (c *Client) welcome(m *message) {
	c.name, c.welcomed = m.Name, true
	c.pace.set(m.Limits)
	c.forget()
	for _, channel := range sortedKeys(c.publications) {
		if p := c.publications[channel]; p.err == nil {
			p.declare()
		} else {
			delete(c.publications, channel)
		}
	}
	c.resubscribe()
	if c.cfg.OnPresence != nil {
		c.send(message{Type: typeWatch})
	}
	if c.listing != nil {
		c.listing.request()
	}
}

// controlTopic handles a control message about a channel.
func (c *Client) controlTopic(m *message, channel uint32) {
	p := c.publications[channel]
	switch {
	case m.Type == typeAnnounce:
		c.announce(m, channel)
	case m.Type == typeRetract:
		c.remotes.remove(channel)
		delete(c.gaps, channel)
		c.send(message{Type: typeRetracted, Channel: &channel})
	case p == nil:
	case m.Type == typeDeclared:
		p.declared()
	case m.Type == typeDemand && m.Wanted != nil:
		p.demand(*m.Wanted)
		if c.cfg.OnDemand != nil && p.err == nil {
			c.unlocked(func() { c.cfg.OnDemand(p, *m.Wanted) })
		}
	case m.Type == typeRetracted && p.err != nil:
		delete(c.publications, channel)
	case m.Type == typeError && m.For == typeDeclare:
		p.refuse(&RequestError{Code: m.Code, Text: m.Text})
	}
}

func (c *Client) announce(m *message, channel uint32) {
	desc, err := m.topic()
	if err != nil || m.Publisher == nil {
		c.stats.Malformed++
		return
	}
	r := &remote{publisher: Publisher(*m.Publisher), desc: desc}
	r.path = r.publisher.Name + "/" + desc.Name
	for _, id := range sortedKeys(c.streams) {
		r.match(c.streams[id])
	}
	c.remotes.set(channel, r)
	delete(c.gaps, channel)
	if desc.Stamp {
		c.peer.Clock() // so that it is known when the first update comes
	}
	c.send(message{Type: typeAnnounced, Channel: &channel})
}

// controlStream handles a control message about a subscription.
func (c *Client) controlStream(m *message, id uint32) {
	s := c.streams[id]
	switch {
	case s == nil:
	case m.Type == typeSubscribed:
		s.answered(nil)
	case m.Type == typeError && m.Code == codeSlow:
		s.end(&MissedError{Missed: m.Missed})
	case m.Type == typeError && m.For == typeSubscribe:
		s.end(&RequestError{Code: m.Code, Text: m.Text})
	}
}

// listRequest is a list of topics that is being received.
type listRequest struct {
	c       *Client
	pattern string
	topics  []TopicInfo
	done    chan struct{}
	err     error
}

// Topics returns the topics of the hub that a pattern selects and that this client may
// subscribe to, in the order of their paths. The error is ErrPattern, ErrNotConnected,
// net.ErrClosed, or the cause of ctx. One call is served at a time: a second one ends
// the first with ErrRefused.
func (c *Client) Topics(ctx context.Context, pattern string) ([]TopicInfo, error) {
	if err := waits(ctx, "Topics", c.valid()); err != nil {
		return nil, err
	}
	if _, err := ParsePattern(pattern); err != nil {
		return nil, err
	}
	l := &listRequest{c: c, pattern: pattern, done: make(chan struct{})}
	c.mu.Lock()
	if c.listing != nil {
		c.listing.end(&RequestError{Code: codeConflict, Text: "another list was requested"})
	}
	c.listing = l
	if c.welcomed {
		l.request()
	}
	c.mu.Unlock()
	err := c.waitFor(ctx, l.done, func() error { return l.err })
	return l.topics, err
}

func (l *listRequest) request() { l.c.send(message{Type: typeList, Pattern: l.pattern}) }

func (l *listRequest) add(m *message) {
	l.topics = append(l.topics, m.Topics...)
	if !m.More {
		l.end(nil)
	}
}

func (l *listRequest) end(err error) {
	if l.c.listing == l {
		l.c.listing = nil
		l.err = err
		close(l.done)
	}
}
