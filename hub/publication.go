package hub

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/intentra/intentra"
)

type publicationState uint8

const (
	publicationNew      publicationState = iota // not declared in this connection
	publicationDeclared                         // the hub has agreed
	publicationClosed
)

// Publication is a topic that a client publishes.
type Publication struct {
	c       *Client
	topic   Topic
	channel uint32
	done    chan struct{} // closed once the hub has answered for the first time
	state   publicationState
	err     error
	wanted  bool
	last    []byte // the newest value of a Latest topic
	lastAt  time.Duration
	unsent  bool // last is to be sent
	repeat  repeat

	outcomes Outcomes // of a Reliable topic

	unwanted uint64        // updates that were not sent
	counted  bool          // last is one of them
	agreed   chan struct{} // closed when the hub agrees or the publication ends; nil without waiters
}

// Declare declares a topic and waits until the hub has agreed. The error is ErrTopic, a
// [*RequestError], net.ErrClosed, or the cause of ctx. A topic that was declared stays
// so over reconnects, until Close.
func (c *Client) Declare(ctx context.Context, t Topic) (*Publication, error) {
	if err := waits(ctx, "Declare", c.valid()); err != nil {
		return nil, err
	}
	p, err := c.DeclareAsync(t)
	if err != nil {
		return nil, err
	}
	if err := c.waitFor(ctx, p.done, func() error { return p.err }); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// DeclareAsync is Declare without waiting, for callbacks and the simulator: what the
// hub answers appears in Err.
func (c *Client) DeclareAsync(t Topic) (*Publication, error) {
	if err := c.valid(); err != nil {
		return nil, err
	}
	if t.Intent == 0 {
		t.Intent = intentra.Latest
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, net.ErrClosed
	}
	for _, other := range c.publications {
		if other.topic.Name == t.Name && other.err == nil {
			return nil, fmt.Errorf("%w: %q is declared already", ErrTopic, t.Name)
		}
	}
	channel, ok := c.freeChannel()
	if !ok {
		return nil, fmt.Errorf("%w: too many topics", ErrTopic)
	}
	p := &Publication{c: c, topic: t, channel: channel, done: make(chan struct{}), wanted: true}
	c.publications[channel] = p
	if c.welcomed {
		p.declare()
	}
	return p, nil
}

// freeChannel returns a channel that is not in use, the one that was used longest ago
// but for small ones.
func (c *Client) freeChannel() (uint32, bool) {
	for range maxChannel {
		c.nextChannel = c.nextChannel%maxChannel + 1
		if c.publications[c.nextChannel] == nil {
			return c.nextChannel, true
		}
	}
	return 0, false
}

// Topic returns the topic as it was declared.
func (p *Publication) Topic() Topic {
	must(p.valid())
	return p.topic
}

// Err returns nil as long as the topic is declared or may still be, and then why it is
// not: ErrRefused, net.ErrClosed, or an [*intentra.ClosedError].
func (p *Publication) Err() error {
	if err := p.valid(); err != nil {
		return err
	}
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	return p.err
}

// Wanted reports whether the topic has subscribers, as far as it is known. While it has
// none, Send sends nothing; it keeps the newest value of a Latest topic for the
// first subscriber. Until the hub has answered a declaration, as while the client is not
// connected, Wanted returns true. [ClientConfig].OnDemand reports changes.
func (p *Publication) Wanted() bool {
	must(p.valid())
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	return p.wanted
}

// Send publishes an update. It copies the payload and never blocks. Without a
// connection, the newest value of a Latest topic is kept, and so are Reliable updates,
// as far as the send queue has room. Without a subscriber nothing is sent, and a
// Reliable or Realtime update is discarded; see Wanted. The error is that of Err,
// ErrNotConnected for a Realtime topic, or one of [intentra.SendResult]: nil does not
// say that a subscriber gets the update, nor even that it has left; see SendAcked.
// While a request of the client, as of Subscribe, waits for room in a full send queue, Reliable
// updates get [intentra.ErrQueueFull].
// Of Realtime and Latest updates that exceed what the hub accepts (see [Client.Limits]), the hub
// drops all but the newest value of each Latest topic, which it passes on later; they are counted in
// [ClientStats].Excess, and SendWait waits instead.
func (p *Publication) Send(payload []byte) error {
	if err := p.valid(); err != nil {
		return err
	}
	c := p.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	switch p.topic.Intent {
	case intentra.Latest:
		if p.state != publicationDeclared || !p.wanted {
			if limit := c.maxPayload(); limit > 0 && len(payload) > limit {
				return intentra.ErrMessageTooLarge
			}
			p.last, p.lastAt, p.unsent = append(p.last[:0], payload...), c.clock.Now(), true
			p.unwanted++ // until catchUp sends it
			p.counted = true
			return nil
		}
		m := p.keep(payload)
		return p.noted(p.repeat.number, p.send(m))
	case intentra.Realtime:
		if p.state != publicationDeclared {
			return ErrNotConnected
		}
		if !p.wanted {
			p.unwanted++
			return nil
		}
	default:
		if p.state == publicationDeclared && !p.wanted {
			p.unwanted++
			return nil
		}
		if c.peer == nil {
			return ErrNotConnected
		}
		if !c.flush() {
			return intentra.ErrQueueFull // what room there is belongs to control messages
		}
	}
	m := p.message(payload)
	p.track(&m)
	return p.tracked(p.send(m))
}

// message returns an update that is made now.
func (p *Publication) message(payload []byte) intentra.Message {
	return intentra.Message{
		Channel: p.channel, Intent: p.topic.Intent, Payload: payload,
		TTL: p.topic.TTL, Priority: p.topic.Priority, Stamp: p.topic.Stamp,
	}
}

// SendWait is Send, but waits where an update would be dropped because the send queue
// is full, the client not connected, or the hub accepts no more per second from one publisher
// (see [Client.Limits]); see [intentra.Peer.SendWait] for the errors.
func (p *Publication) SendWait(ctx context.Context, payload []byte) error {
	switch {
	case p.valid() != nil:
		return errNoPublication
	case ctx == nil:
		return errNoContext
	}
	c := p.c
	var err error
	if p.topic.Intent == intentra.Reliable {
		err = c.controlFirst(ctx, "SendWait")
	} else {
		err = p.paced(ctx, len(payload))
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	if p.err != nil || p.state == publicationDeclared && !p.wanted || c.peer == nil {
		c.mu.Unlock()
		return p.Send(payload)
	}
	peer := c.peer
	latest := p.topic.Intent == intentra.Latest
	var m intentra.Message
	if latest {
		m = p.keep(payload)
	} else {
		m = p.message(payload)
		p.track(&m)
	}
	c.pace.charge(&m, c.clock.Now())
	number := p.repeat.number
	c.mu.Unlock()
	err = peer.SendWait(ctx, m)
	if !latest && !p.counts() {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if latest {
		return p.noted(number, err)
	}
	return p.tracked(err)
}

// keep returns the newest value of a Latest topic as it is sent, and keeps it for another hub,
// and in case it is lost.
func (p *Publication) keep(payload []byte) intentra.Message {
	p.last, p.lastAt, p.unsent, p.counted = append(p.last[:0], payload...), p.c.clock.Now(), false, false
	m := p.message(payload)
	p.note(&m, false)
	return m
}

// Unwanted returns how many updates were not sent because the topic had no subscriber. The
// newest value of a Latest topic is one of them until it follows, when the topic gets one.
func (p *Publication) Unwanted() uint64 {
	must(p.valid())
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	return p.unwanted
}

// maxPayload returns the size of the largest update, zero before it is known.
func (c *Client) maxPayload() int {
	if c.peer == nil {
		return 0
	}
	return c.peer.Transport().MaxMessageSize()
}

func (p *Publication) send(m intentra.Message) error {
	if !p.c.pace.charge(&m, p.c.clock.Now()) {
		p.c.stats.Excess++
	}
	return p.c.peer.Send(m).Err
}

// Close retracts the topic. Updates that are still on their way may be lost; SendAcked
// tells that it has one, and all before it.
func (p *Publication) Close() {
	must(p.valid())
	c := p.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.state == publicationClosed {
		return
	}
	if c.welcomed {
		c.send(message{Type: typeRetract, Channel: &p.channel}) // the channel is free after retracted
	} else {
		delete(c.publications, p.channel)
	}
	p.state = publicationClosed
	p.refuse(net.ErrClosed)
}

// refuse ends a publication with an error, unless it has ended.
func (p *Publication) refuse(err error) {
	if p.err == nil {
		p.err = err
	}
	p.answered()
	p.wake()
}

// wake wakes the calls of SendAcked that wait.
func (p *Publication) wake() {
	if p.agreed != nil {
		close(p.agreed)
		p.agreed = nil
	}
}

// answered wakes a waiting Declare.
func (p *Publication) answered() {
	select {
	case <-p.done:
	default:
		close(p.done)
	}
}

// declare asks the hub.
func (p *Publication) declare() {
	m := message{Type: typeDeclare, Channel: &p.channel}
	m.describe(p.topic)
	p.c.send(m)
}

// declared is called when the hub has agreed.
func (p *Publication) declared() {
	if p.state != publicationNew {
		return
	}
	p.state = publicationDeclared
	p.answered()
	p.wake()
	p.catchUp()
}

// demand is called when the hub says whether the topic has subscribers.
func (p *Publication) demand(wanted bool) {
	p.wanted = wanted
	p.catchUp()
	p.c.settle()
}

// catchUp sends the value that was kept.
func (p *Publication) catchUp() {
	if p.unsent && p.wanted && p.state == publicationDeclared {
		p.unsent = false
		if p.sendLast() && p.counted {
			p.unwanted--
		}
		p.counted = false
	}
}

// sendLast sends the newest value with its age, unless it is of no more use.
func (p *Publication) sendLast() (sent bool) {
	m := p.message(p.last)
	m.Age = p.c.clock.Now() - p.lastAt
	m.Within = m.Age / drift
	if m.TTL > 0 {
		if m.TTL -= m.Age; m.TTL <= 0 {
			return false
		}
	}
	p.note(&m, true)
	_ = p.noted(p.repeat.number, p.send(m)) // a value that has no room is repeated
	return true
}
