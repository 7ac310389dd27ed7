package hub

import (
	"time"

	"github.com/intentra/intentra"
)

// A publisher that is connected to another hub of the fleet has no member here. Its
// topics are like those of a publisher of this hub, except that the fleet says when they
// change, and is asked for their updates.

// share tells the fleet of a publisher of this hub.
func (c *core) share(pub *publisher) {
	if c.fleet == nil || pub.remote {
		return
	}
	pub.shared = pub.shared || pub.member != nil
	if pub.shared {
		c.fleet.PublisherChanged(pub.describe())
	}
}

// export tells the fleet of a topic of this hub.
func (c *core) export(t *topic) {
	if c.fleet == nil || t.id != 0 {
		return
	}
	c.lastID++
	t.id = c.lastID
	c.exported[t.id] = t
	c.fleet.TopicDeclared(t.id, t.publisher.key, t.desc)
}

// withdraw is the reverse of export.
func (c *core) withdraw(t *topic) {
	if t.id == 0 {
		return
	}
	c.fleet.TopicRetracted(t.id)
	delete(c.exported, t.id)
	t.id, t.elsewhere = 0, false
}

// ask tells the fleet if the demand for a topic of another hub has changed.
func (c *core) ask(t *topic) {
	if c.fleet == nil {
		return
	}
	if wanted := t.publisher.remote && !t.removed && t.wanted > 0; wanted != t.asked {
		t.asked = wanted
		c.fleet.TopicWanted(t.publisher.key, t.desc.Name, wanted)
	}
}

// isWanted reports whether a topic of this hub has subscribers, here or elsewhere.
func (t *topic) isWanted() bool { return t.wanted > 0 || t.elsewhere }

func (c *core) topicOf(k intentra.PublicKey, name string) *topic {
	pub := c.publishers[k]
	if pub == nil {
		return nil
	}
	return pub.topics[name]
}

// replace ends the session of a publisher of this hub.
func (c *core) replace(k intentra.PublicKey, now time.Duration) {
	pub := c.publishers[k]
	if pub == nil || pub.member == nil {
		return
	}
	m := pub.member
	c.leave(m, now)
	_ = m.peer.CloseWith(intentra.CloseRevoked) // the reason with which a peer stops dialling
}

func (c *core) connectRemote(k intentra.PublicKey, restarts uint64, now time.Duration) bool {
	pub := c.publisherOf(k)
	if pub.member != nil {
		return false
	}
	if pub.remote && pub.restarts == restarts {
		return true
	}
	c.timers.Remove(&pub.forget)
	pub.remote, pub.restarts = true, restarts
	for _, t := range pub.sortedTopics() {
		c.withdraw(t)
		c.ask(t)
	}
	c.presence(pub, now)
	return true
}

func (c *core) disconnectRemote(k intentra.PublicKey, now time.Duration) {
	pub := c.publishers[k]
	if pub == nil || !pub.remote {
		return
	}
	c.attachLocally(pub)
	c.arm(&pub.forget, now+c.limits.Remember)
	c.presence(pub, now)
}

// reclaim makes a publisher that was connected to another hub one of this hub. Cached values
// may be older than what others have received from that hub; a client sends its newest ones
// again.
func (c *core) reclaim(pub *publisher) {
	if !pub.remote {
		return
	}
	for _, t := range pub.topics {
		c.uncache(t)
		t.value = nil
	}
	c.attachLocally(pub)
}

// attachLocally ends that a publisher is connected to another hub.
func (c *core) attachLocally(pub *publisher) {
	if !pub.remote {
		return
	}
	pub.remote = false
	for _, t := range pub.sortedTopics() {
		t.live, t.agreed = false, false
		c.ask(t)
	}
}

func (c *core) declareRemote(k intentra.PublicKey, desc Topic, now time.Duration) bool {
	pub := c.publishers[k]
	if pub == nil || !pub.remote || desc.check() != nil {
		return false
	}
	t := pub.topics[desc.Name]
	if t != nil && !t.desc.same(desc) {
		c.remove(t, now)
		t = nil
	}
	if t == nil {
		if t = c.create(pub, desc, now); t == nil {
			return false
		}
	}
	t.live, t.agreed = true, true
	c.ask(t)
	return true
}

func (c *core) retractRemote(k intentra.PublicKey, name string, now time.Duration) {
	if t := c.topicOf(k, name); t != nil && t.publisher.remote {
		c.remove(t, now)
	}
}

// updateRemote is publish for an update that another hub has accepted, and whose
// publisher that hub limits.
func (c *core) updateRemote(k intentra.PublicKey, name string, payload []byte, age Age, now time.Duration) bool {
	t := c.topicOf(k, name)
	if t == nil || !t.publisher.remote || !t.live {
		return false
	}
	u := t.incoming(&intentra.Message{Payload: payload, Stamp: age.Known, Age: age.Age, Within: age.Within}, now)
	t.count(len(payload), now)
	c.arrived(t, &u, now)
	if t.desc.Intent == intentra.Latest {
		c.superseded(t)
		c.cache(t, &u, now)
	}
	c.gather(t, &u, now)
	return true
}

// redeclare gives the topics of a publisher at another hub the paths of its new name.
func (c *core) redeclare(pub *publisher, name string, now time.Duration) {
	topics := pub.sortedTopics()
	for _, t := range topics {
		c.remove(t, now)
	}
	pub.name = name
	for _, t := range topics {
		c.declareRemote(pub.key, t.desc, now)
	}
	c.presence(pub, now)
}
