package hub

import (
	"slices"
	"time"

	"github.com/intentra/intentra"
)

// setAccess replaces the access list and returns the keys that are revoked.
func (c *core) setAccess(a *Access, at time.Time, now time.Duration) (revoked []intentra.PublicKey) {
	c.scatter(now)
	old := c.access
	c.access = a
	c.logChanges(old)
	for _, pub := range c.sortedPublishers() {
		name := a.Name(pub.key)
		m := pub.member
		switch {
		case !a.Allows(pub.key, at):
			c.log.Info("key revoked", "name", old.Name(pub.key), "peer", pub.key)
			if m != nil {
				c.leave(m, now)
			}
			c.attachLocally(pub)
			c.presence(pub, now)
			c.timers.Remove(&pub.forget)
			pub.timeout(c, now)
			revoked = append(revoked, pub.key)
		case name != pub.name:
			c.rename(pub, name, now)
		case m != nil:
			c.restrict(m, now)
		}
	}
	return revoked
}

// rename gives a publisher another name. Its topics are new ones, which it declares
// once it is welcomed under the new name.
func (c *core) rename(pub *publisher, name string, now time.Duration) {
	if pub.remote {
		c.redeclare(pub, name, now)
		return
	}
	m := pub.member
	if m != nil {
		m = c.rejoin(m, now)
	}
	for _, t := range pub.sortedTopics() {
		c.remove(t, now)
	}
	pub.name = name
	if m != nil && m.greeted {
		c.welcome(m, now)
	}
	c.presence(pub, now)
}

// restrict ends what a member may no longer publish or receive.
func (c *core) restrict(m *member, now time.Duration) {
	for _, t := range m.publisher.sortedTopics() {
		if c.access.mayPublish(m.peer.Key(), t.path) {
			continue
		}
		channel := t.channel
		c.remove(t, now)
		delete(m.declared, channel)
		c.reply(m, message{
			Type: typeError, For: typeDeclare, Channel: &channel, Code: codeNotAllowed,
			Text: "the access list no longer allows to publish this topic",
		}, now)
	}
	for _, t := range c.topics.sorted {
		c.match(m, t, now)
	}
}

// logChanges logs how the access list differs from the one before.
func (c *core) logChanges(old *Access) {
	if c.access == old {
		return
	}
	for _, k := range old.Keys() {
		if _, kept := c.access.entries[k]; !kept && !c.access.any {
			c.log.Info("key removed from the access list", "name", old.Name(k), "peer", k)
		}
	}
	for _, k := range c.access.Keys() {
		now := c.access.entries[k]
		switch before, known := old.entries[k]; {
		case !known:
			c.log.Info("key added to the access list", "name", now.name, "peer", k)
		case before.name != now.name:
			c.log.Info("key renamed in the access list", "name", now.name, "peer", k, "before", before.name)
		case !before.same(now):
			c.log.Info("rights changed in the access list", "name", now.name, "peer", k)
		}
	}
}

// same reports whether two entries give the same rights.
func (e *entry) same(other *entry) bool {
	return e.until.Equal(other.until) && e.publish.same(other.publish) && e.subscribe.same(other.subscribe)
}

func (l patterns) same(other patterns) bool {
	return (l == nil) == (other == nil) && slices.EqualFunc(l, other, func(a, b Pattern) bool { return a.String() == b.String() })
}
