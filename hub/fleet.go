package hub

import (
	"github.com/intentra/intentra"
)

// Fleet learns what a hub's own publishers do and which topics of other hubs its
// subscribers want, so that several hubs can serve the same topics; see
// [Config].Fleet. Its methods are called while the hub's state is locked, on any
// goroutine: they must not block, and must not call the hub. Payloads are borrowed.
type Fleet interface {
	// PublisherChanged is called when a peer of this hub has connected and greeted the hub,
	// has restarted or disconnected, or has another name.
	PublisherChanged(p Publisher)
	// PublisherForgotten is called when a peer has been disconnected for
	// Limits.Remember, or its key was revoked.
	PublisherForgotten(k intentra.PublicKey)
	// TopicDeclared is called when a publisher of this hub has declared a topic. The id
	// is never used for another topic.
	TopicDeclared(id uint64, k intentra.PublicKey, t Topic)
	// TopicRetracted is called when a topic has ended, or when its publisher has
	// connected to another hub.
	TopicRetracted(id uint64)
	// Published is called for each update of a topic for which [Remote.Demand] was called,
	// in the order in which the hub accepted them.
	Published(id uint64, payload []byte, age Age)
	// TopicWanted is called when the first subscriber of this hub wants a topic of a
	// publisher at another hub, and when the last one no longer does.
	TopicWanted(k intentra.PublicKey, topic string, wanted bool)
}

// Remote changes what a hub knows of publishers that are connected to other hubs. It is
// valid until the function that is given it returns; see [Hub.Remote].
type Remote struct {
	c *core
	h *Hub
}

// Remote calls f with the hub's state locked, so that many changes cost one lock. f must
// not block, and must not call the hub except through its argument.
func (h *Hub) Remote(f func(r *Remote)) {
	must(h.valid())
	if f == nil {
		panic("hub: Remote of a nil function")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	r := &Remote{c: h.core, h: h}
	defer func() { r.c = nil }()
	f(r)
	h.arm()
}

// Connect makes the publisher with key k one that is connected to another hub, with the
// topics that this hub remembers of it. It changes nothing and returns false if the
// publisher is connected to this hub.
func (r *Remote) Connect(k intentra.PublicKey, restarts uint64) bool {
	must(r.valid())
	now := r.h.clock.Now()
	r.c.scatter(now)
	return r.c.connectRemote(k, restarts, now)
}

// Replace ends the session of a publisher with this hub, because its key has connected to
// another one since. Its process does not dial again by itself.
func (r *Remote) Replace(k intentra.PublicKey) {
	must(r.valid())
	now := r.h.clock.Now()
	r.c.scatter(now)
	r.c.replace(k, now)
}

// Disconnect notes that a publisher at another hub has disconnected, or that the hub
// cannot be reached. Its topics stay for Limits.Remember, like those of this hub's
// publishers.
func (r *Remote) Disconnect(k intentra.PublicKey) {
	must(r.valid())
	now := r.h.clock.Now()
	r.c.scatter(now)
	r.c.disconnectRemote(k, now)
}

// Declare adds a topic of a publisher at another hub; a topic of the same name and
// another description is replaced. It returns false if the publisher is not connected to
// another hub, the topic is invalid, or a limit of the hub is reached.
func (r *Remote) Declare(k intentra.PublicKey, t Topic) bool {
	must(r.valid())
	now := r.h.clock.Now()
	r.c.scatter(now)
	return r.c.declareRemote(k, t, now)
}

// Retract removes a topic of a publisher at another hub.
func (r *Remote) Retract(k intentra.PublicKey, topic string) {
	must(r.valid())
	now := r.h.clock.Now()
	r.c.scatter(now)
	r.c.retractRemote(k, topic, now)
}

// Update distributes an update of a publisher at another hub to the subscribers of this
// one. The payload is borrowed. age is how old the update is now. It returns false if
// the topic is unknown or its publisher not connected to another hub.
func (r *Remote) Update(k intentra.PublicKey, topic string, payload []byte, age Age) bool {
	must(r.valid())
	return r.c.updateRemote(k, topic, payload, age, r.h.clock.Now())
}

// Drop removes the cached value of a topic of another hub, if it may be older than what
// peers have received elsewhere. It does nothing if the publisher is connected to this hub.
func (r *Remote) Drop(k intentra.PublicKey, topic string) {
	must(r.valid())
	if t := r.c.topicOf(k, topic); t != nil && t.publisher.member == nil {
		r.c.uncache(t)
		t.value = nil
	}
}

// Demand says whether subscribers of other hubs want a topic of this hub, by the id of
// [Fleet].TopicDeclared. Its publisher then sends updates even if this hub has no
// subscriber.
func (r *Remote) Demand(id uint64, wanted bool) {
	must(r.valid())
	if t := r.c.exported[id]; t != nil && t.elsewhere != wanted {
		t.elsewhere = wanted
		r.c.demand(t, r.h.clock.Now())
	}
}

// Value returns the cached value of a topic of this hub, and how old it is. It is borrowed
// until the function that was given r returns.
func (r *Remote) Value(id uint64) (value []byte, age Age, ok bool) {
	must(r.valid())
	if t := r.c.exported[id]; t != nil {
		now := r.h.clock.Now()
		u, ok := r.c.newest(t, now)
		return u.payload, u.stamp.exported(now), ok
	}
	return nil, Age{}, false
}
