package foxglove

import (
	"sync"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
)

// What we chose.
const (
	// maxClients is how many clients may be connected. Others are refused with 503.
	maxClients = 16
	// maxSubscriptions is how many topics one client may subscribe to.
	maxSubscriptions = 1024
)

// Stats are the counters of a [Bridge].
type Stats struct {
	// Clients and Subscriptions are present sizes.
	Clients, Subscriptions int
	// Refused counts connections beyond the limit, and Slow clients that were
	// disconnected because they did not read.
	Refused, Slow uint64
	// Sent counts updates that were written to clients. Superseded counts values of
	// Latest topics that a newer one replaced while they waited. Dropped counts updates
	// for which a client's queue had no room, and Malformed those whose payload is not
	// what the topic declares.
	Sent, Superseded, Dropped, Malformed uint64
	// Rejected counts requests that were answered with an error.
	Rejected uint64
}

// Bridge shows the topics of one hub. Its methods may be called from any goroutine.
type Bridge struct {
	name string

	// mu is locked after the hub's lock, never before it.
	mu       sync.Mutex
	hub      *hub.Hub // nil before Attach
	names    map[intentra.PublicKey]string
	channels map[uint32]*channel
	byID     map[uint64]*channel
	last     uint32 // number of the latest channel
	clients  map[*client]struct{}
	closed   bool
	stats    Stats // without the queues of clients that are connected
}

// channel is one topic.
type channel struct {
	number uint32
	id     uint64 // the hub's
	topic  hub.Topic
	path   string
	latest bool
	form   form

	schemaName, schema string
	subscriptions      []*subscription
}

// New returns a bridge, for [hub.Config].Fleet. The name is shown to clients.
func New(name string) *Bridge {
	return &Bridge{
		name: name, names: make(map[intentra.PublicKey]string),
		channels: make(map[uint32]*channel), byID: make(map[uint64]*channel), clients: make(map[*client]struct{}),
	}
}

// Attach sets the hub, whose [hub.Config].Fleet is the bridge. Until then clients are
// refused.
func (b *Bridge) Attach(h *hub.Hub) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hub = h
}

// Close disconnects all clients, and refuses new ones.
func (b *Bridge) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for c := range b.clients {
		c.stop()
	}
}

// Stats returns the counters.
func (b *Bridge) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.stats
	s.Clients = len(b.clients)
	for c := range b.clients {
		s.Subscriptions += len(c.subscriptions)
		s.Superseded += c.queue.superseded
		s.Dropped += c.queue.dropped
	}
	return s
}

// PublisherChanged implements [hub.Fleet].
func (b *Bridge) PublisherChanged(p hub.Publisher) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.names[p.Key] = p.Name
}

// PublisherForgotten implements [hub.Fleet].
func (b *Bridge) PublisherForgotten(k intentra.PublicKey) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.names, k)
}

// TopicDeclared implements [hub.Fleet].
func (b *Bridge) TopicDeclared(id uint64, k intentra.PublicKey, t hub.Topic) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.last++; b.channels[b.last] != nil; b.last++ { // after 2^32 topics numbers are used again
	}
	c := &channel{number: b.last, id: id, topic: t, path: "/" + b.names[k] + "/" + t.Name, latest: t.Intent == intentra.Latest}
	c.form, c.schemaName, c.schema = describe(&c.topic)
	b.channels[c.number], b.byID[id] = c, c
	for cl := range b.clients {
		cl.changed(c.number)
	}
}

// TopicRetracted implements [hub.Fleet].
func (b *Bridge) TopicRetracted(id uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.byID[id]
	if c == nil {
		return
	}
	delete(b.channels, c.number)
	delete(b.byID, id)
	for _, s := range c.subscriptions {
		s.ended = true
		delete(s.client.subscriptions, s.number)
		delete(s.client.topics, c.number)
	}
	c.subscriptions = nil
	for cl := range b.clients {
		cl.changed(c.number)
	}
}

// Published implements [hub.Fleet].
func (b *Bridge) Published(id uint64, payload []byte, _ hub.Age) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.byID[id]
	if c == nil || len(c.subscriptions) == 0 {
		return
	}
	now := uint64(time.Now().UnixNano())
	for _, s := range c.subscriptions {
		s.client.queue.push(s, now, payload)
		s.client.wake()
	}
}

// TopicWanted implements [hub.Fleet]. No topic is at another hub.
func (*Bridge) TopicWanted(intentra.PublicKey, string, bool) {}

// settle tells the hub whether the topics with the given ids are wanted, and sends the
// newest values to new subscriptions.
func (b *Bridge) settle(ids []uint64, fresh []*subscription) {
	if len(ids) == 0 {
		return
	}
	b.mu.Lock()
	h := b.hub
	b.mu.Unlock()
	// The hub's lock puts concurrent calls in order: the last one sees the latest state.
	h.Remote(func(r *hub.Remote) {
		for _, id := range ids {
			b.mu.Lock()
			c := b.byID[id]
			wanted := c != nil && len(c.subscriptions) > 0
			b.mu.Unlock()
			r.Demand(id, wanted)
		}
		for _, s := range fresh {
			value, _, ok := r.Value(s.channel.id)
			if !ok {
				continue
			}
			b.mu.Lock()
			if !s.ended && s.waiting == nil { // otherwise a newer value is queued
				s.client.queue.push(s, uint64(time.Now().UnixNano()), value)
				s.client.wake()
			}
			b.mu.Unlock()
		}
	})
}
