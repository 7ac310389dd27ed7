package hub

import (
	"time"

	"github.com/intentra/intentra"
)

// A Reliable update may come before the declaration of its channel: after a restart of the
// hub, those that were queued before come first. It is acknowledged then, so it waits for
// the declaration. What has no room, or waits too long, is dropped, and the subscribers of
// the topic that is declared on the channel at last learn that something is missing.

// held is a Reliable update whose channel is not declared yet.
type held struct {
	channel uint32
	message intentra.Message // Age at time zero
	gone    bool             // see update
}

// undeclared handles data on a channel that the member has not declared.
func (c *core) undeclared(m *member, msg intentra.Message, now time.Duration) {
	c.urge(m, now) // it may end before the time for a hello is over
	if msg.Intent == intentra.Reliable && m.patient(now) && m.hold(msg, now) {
		c.arm(&m.retry, m.joined+heldTime)
		return
	}
	c.lose(m.publisher, msg.Channel, msg.Intent)
	c.complain(m, msg.Channel, now)
}

// patient reports whether Reliable updates wait for a declaration.
func (m *member) patient(now time.Duration) bool { return now-m.joined < heldTime }

// lose drops an update on a channel that is not declared.
func (c *core) lose(pub *publisher, channel uint32, i intentra.Intent) {
	c.drop(pub, DropUndeclared)
	if i == intentra.Reliable {
		pub.gaps.add(channel)
	}
}

// loseHeld drops an update that was held. A notice represents updates that were counted.
func (c *core) loseHeld(pub *publisher, h held) {
	if h.gone {
		pub.gaps.add(h.channel)
	} else {
		c.lose(pub, h.channel, intentra.Reliable)
	}
}

// hold keeps a Reliable update until its channel is declared, after a notice if others were
// dropped before it, and reports whether there was room.
func (m *member) hold(msg intentra.Message, now time.Duration) bool {
	if gaps := &m.publisher.gaps; gaps.has(msg.Channel) {
		if !m.keep(held{channel: msg.Channel, gone: true}) {
			return false
		}
		gaps.take(msg.Channel)
	}
	msg.Age -= now // its age at time zero; see release
	return m.keep(held{channel: msg.Channel, message: msg})
}

// keep is hold, with a copy of the payload.
func (m *member) keep(h held) bool {
	n := len(h.message.Payload)
	if len(m.held) >= heldUpdates || m.heldBytes+n > heldBytes {
		return false
	}
	h.message.Payload = append([]byte(nil), h.message.Payload...)
	m.held = append(m.held, h)
	m.heldBytes += n
	return true
}

// early handles a Reliable update of a topic whose declaration waits for subscribers: it
// waits as well, after those that came before the declaration. If there is no room, the
// subscribers are not waited for.
func (c *core) early(m *member, t *topic, msg intentra.Message, now time.Duration) {
	if msg.Intent == intentra.Reliable && m.hold(msg, now) {
		return
	}
	t.timeout(c, now)
	u := t.incoming(&msg, now)
	c.publish(t, msg.Intent, &u, now)
}

// release publishes the held updates of a channel that has been declared.
func (c *core) release(m *member, channel uint32, t *topic, now time.Duration) {
	kept := m.held[:0]
	for _, h := range m.held {
		if h.channel != channel {
			kept = append(kept, h)
			continue
		}
		m.heldBytes -= len(h.message.Payload)
		if h.gone {
			c.passGap(t, now)
			continue
		}
		h.message.Age += now // which takes a few seconds at most
		u := t.incoming(&h.message, now)
		c.publish(t, intentra.Reliable, &u, now)
	}
	clear(m.held[len(kept):])
	m.held = kept
	if m.publisher.gaps.take(channel) {
		c.passGap(t, now)
	}
}

// discard drops the held updates whose channel is still undeclared.
func (m *member) discard(c *core, now time.Duration) {
	kept := m.held[:0]
	for _, h := range m.held {
		if m.declared[h.channel] != nil {
			kept = append(kept, h)
			continue
		}
		m.heldBytes -= len(h.message.Payload)
		c.loseHeld(m.publisher, h)
		c.complain(m, h.channel, now)
	}
	clear(m.held[len(kept):])
	m.held = kept
}

// abandon drops all held updates of a member that leaves.
func (m *member) abandon(c *core) {
	for _, h := range m.held {
		c.loseHeld(m.publisher, h)
	}
	m.held, m.heldBytes = nil, 0
}

// givenUp is called when a publisher has given up Reliable updates of a channel, before
// the next one of that channel.
func (c *core) givenUp(p *intentra.Peer, channel uint32, now time.Duration) {
	m := c.members[p]
	if m == nil || channel == ControlChannel {
		return
	}
	c.drop(m.publisher, DropExpired)
	t := m.declared[channel]
	gap := held{channel: channel, gone: true}
	switch {
	case t == nil:
		if !m.patient(now) || m.publisher.gaps.has(channel) || !m.keep(gap) {
			m.publisher.gaps.add(channel)
			return
		}
		c.arm(&m.retry, m.joined+heldTime)
	case t.desc.Intent != intentra.Reliable:
	case !t.agreed && m.keep(gap):
	case !t.agreed:
		t.timeout(c, now)
		c.passGap(t, now)
	default:
		c.passGap(t, now)
	}
}

// passGap notifies the subscribers of a topic that Reliable updates are missing here, after
// those that the budget delays.
func (c *core) passGap(t *topic, now time.Duration) {
	switch {
	case t.desc.Intent != intentra.Reliable:
	case len(t.publisher.delays.updates) > 0:
		c.delay(t, &update{gone: true}, now)
	default:
		c.distribute(t, &update{gone: true}, now)
	}
}

// gaps are the channels of a publisher on which Reliable updates were dropped before their
// topic was declared. They outlast the connection, since a client declares the same topics
// on the same channels in the next. Beyond maxGaps channels, all count.
type gaps struct {
	channels map[uint32]struct{}
	all      bool
}

func (g *gaps) add(channel uint32) {
	switch {
	case g.has(channel):
	case len(g.channels) == maxGaps:
		g.channels, g.all = nil, true
	default:
		if g.channels == nil {
			g.channels = make(map[uint32]struct{})
		}
		g.channels[channel] = struct{}{}
	}
}

func (g *gaps) has(channel uint32) bool {
	_, ok := g.channels[channel]
	return ok || g.all
}

// take reports whether g has a channel, and removes it.
func (g *gaps) take(channel uint32) bool {
	ok := g.has(channel)
	delete(g.channels, channel)
	return ok
}
