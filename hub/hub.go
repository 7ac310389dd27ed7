package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/intentra/intentra"
)

// Config configures a [Hub].
type Config struct {
	// Transport configures the hub's transport. Key is required; Authorize, Handler, Room
	// and OnPeer belong to the hub and must be nil.
	Transport intentra.Config
	// Access says who may connect, and what they may do. Required; see [AllowAny].
	Access *Access
	// Limits bound what peers can make the hub spend.
	Limits Limits
	// Gather is how long Realtime and Latest updates may wait for others, so that packets
	// to subscribers are full; at high rates that is much cheaper for both sides. The first
	// update after a pause of this length does not wait; after eight updates or more that
	// left together, the pause is eight times as long. At most MaxGather, 1 s; a negative
	// value means that no update waits. The default is 2 ms, or 20 us for each subscriber
	// of the topic with the most, without those that have an area or a rate, if that is
	// longer, at most 10 ms. It is at least 3 ms while updates of other hubs are among them.
	Gather time.Duration
	// Filter, if set, decides for each update and each subscriber, given by its name,
	// whether it may have the update, in addition to subscriptions and the access list.
	// It is called on the transport's event loop: it must not block, nor call the hub.
	// The payload is borrowed until it returns. A panic counts as false.
	Filter func(subscriber string, u Update) bool
	// Logger gets what an operator wants to know of names and access. Nil means that of
	// Transport.
	Logger *slog.Logger
	// OnPeer, if set, is called for each event of the transport, on the event loop. It may
	// call the hub.
	OnPeer func(intentra.PeerEvent)
	// OnPresence, if set, is called when a publisher or subscriber has connected,
	// restarted or disconnected, on the event loop like Filter.
	OnPresence func(Publisher)
	// Fleet, if set, joins the hub to others; see [Fleet] and module
	// github.com/intentra/intentra/fleet.
	Fleet Fleet
	// Clock is the clock of a simulation. The zero Clock is the system's.
	Clock Clock
}

// Clock is how a hub or client learns and waits for the time.
type Clock struct {
	// Now returns the time since any fixed moment. It never goes back.
	Now func() time.Duration
	// After calls f once after d. f may be called on any goroutine, and late.
	After func(d time.Duration, f func())

	since func(time.Time) time.Duration // nil: no time passes during calls
}

func (c Clock) withDefaults() Clock {
	if c.Now == nil || c.After == nil {
		start := time.Now()
		c.Now, c.since = func() time.Duration { return time.Since(start) }, time.Since
		c.After = func(d time.Duration, f func()) { time.AfterFunc(d, f) }
	}
	return c
}

// aged adds to the age of m the time since it arrived.
func (c *Clock) aged(m *intentra.Received) {
	if m.Stamp && c.since != nil {
		m.Age += c.since(m.Arrived)
	}
}

// Publisher describes a peer of a hub: a publisher, a subscriber, or both.
type Publisher struct {
	// Name is the name that the access list gives to Key.
	Name string
	Key  intentra.PublicKey
	// Connected is false for a peer that has disconnected not long ago.
	Connected bool
	// Restarts counts the restarts of its process that the hub has seen.
	Restarts uint64
}

// Update is one message of a topic. Its payload belongs to the receiver, unless the
// function that is given the Update says otherwise. Publisher and Topic are those of many
// updates, and must not be changed.
type Update struct {
	Publisher *Publisher
	Topic     *Topic
	Payload   []byte
	// Cached says that the update was published before the subscription began.
	Cached bool
	// Stamp says that the age is known, as it is of topics with a Stamp except in the first
	// moments of a connection.
	Stamp bool
	// Age is how old the update was when the Handler, Next or Poll gave it to the program,
	// the time at the hub and in the buffer of the stream included, and Within how far that
	// may be from the truth; see [intentra.Message]. A program that shows how old its newest
	// value is adds the time since then.
	Age, Within time.Duration
	// Gap says that Reliable updates of the topic before this one are missing: they had become
	// too old (see [Topic].TTL), or had waited at the hub for the declaration of the topic for
	// too long. It is also set where some may be missing because the client had no subscription
	// of the topic for a moment: it closed the last one, and began another before the hub knew.
	Gap bool
}

// Path returns the path of the update's topic, "" for the zero Update.
func (u Update) Path() string {
	if u.Publisher == nil || u.Topic == nil {
		return ""
	}
	return u.Publisher.Name + "/" + u.Topic.Name
}

// Hub relays updates from publishers to subscribers. Its methods may be called from
// any goroutine, but not from Filter and OnPresence.
type Hub struct {
	cfg       intentra.Config
	clock     Clock
	onPeer    func(intentra.PeerEvent)
	onGivenUp func(*intentra.Peer, uint32)
	delivery  func(intentra.Delivery)
	transport *intentra.Transport // nil in a simulation

	mu     sync.Mutex
	core   *core
	armed  []time.Duration // when timers go off, the earliest last: one each, since none can be stopped
	closed bool
	// expiring is the access list whose next date is waited for.
	expiring *Access
	node     intentra.Node
}

// Listen opens a hub on addr; see [intentra.Listen] for its form and errors. The hub
// runs until Close, or the end of Run.
func Listen(addr string, cfg Config) (*Hub, error) {
	h, err := New(cfg)
	if err != nil {
		return nil, err
	}
	t, err := intentra.Listen(addr, h.Config())
	if err != nil {
		return nil, err
	}
	h.transport = t
	h.Attach(t)
	return h, nil
}

// New makes a hub without a transport, for a program that opens its own, or for the
// simulator: use Config for the transport or node, and call Attach with it.
func New(cfg Config) (*Hub, error) {
	cfg.Limits = cfg.Limits.withDefaults()
	if err := cfg.Limits.check(); err != nil {
		return nil, err
	}
	switch {
	case cfg.Gather > MaxGather:
		return nil, fmt.Errorf("hub: Config.Gather is %v; it must be at most %v", cfg.Gather, MaxGather)
	case cfg.Access == nil:
		return nil, errors.New("hub: Config.Access is nil; ReadAccess reads an access list")
	case cfg.Transport.Authorize != nil || cfg.Transport.Handler != nil || cfg.Transport.Room != nil || cfg.Transport.OnPeer != nil:
		return nil, errors.New("hub: Config.Transport has an Authorize, a Handler, a Room or an OnPeer, which belong to the hub")
	}
	if cfg.Transport.Logger == nil {
		cfg.Transport.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Logger == nil {
		cfg.Logger = cfg.Transport.Logger
	}
	h := &Hub{onPeer: cfg.OnPeer, clock: cfg.Clock.withDefaults(), core: newCore(cfg)}
	h.cfg = cfg.Transport
	h.cfg.Authorize, h.cfg.Handler, h.cfg.Room, h.cfg.OnPeer = h.authorize, h.receive, h.room, h.peerEvent
	h.onGivenUp, h.cfg.OnGivenUp = cfg.Transport.OnGivenUp, h.givenUp
	h.delivery, h.cfg.OnDelivery = cfg.Transport.OnDelivery, h.delivered
	return h, nil
}

// Config returns the configuration of the hub's transport.
func (h *Hub) Config() intentra.Config {
	must(h.valid())
	return h.cfg
}

// Attach gives the hub its transport or simulated node, which was made with Config.
func (h *Hub) Attach(n intentra.Node) {
	must(h.valid())
	if n == nil {
		panic("hub: Attach of a nil Node; give it the transport or the simulated node")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.node = n
	h.armExpiry()
}

// Transport returns the transport of a hub made by Listen, else nil.
func (h *Hub) Transport() *intentra.Transport {
	must(h.valid())
	return h.transport
}

// Run waits until ctx ends, and then closes the hub in good order; see
// [intentra.Transport.Run].
func (h *Hub) Run(ctx context.Context) error {
	if err := waits(ctx, "Run", h.valid()); err != nil {
		return err
	}
	if h.transport == nil {
		return errors.New("hub: Run of a hub that New has made; it has no transport")
	}
	err := h.transport.Run(ctx)
	h.end()
	return err
}

// Close closes the hub and its transport at once.
func (h *Hub) Close() error {
	if err := h.valid(); err != nil {
		return err
	}
	h.end()
	if h.transport == nil {
		return nil
	}
	return h.transport.Close()
}

func (h *Hub) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
}

func (h *Hub) authorize(_ context.Context, hs intentra.Handshake) bool {
	h.mu.Lock()
	access := h.core.access
	h.mu.Unlock()
	return access.Allows(hs.Key, time.Now())
}

// receive implements Config.Handler.
func (h *Hub) receive(m intentra.Received) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock.aged(&m)
	h.core.receive(m.Peer, m.Message, h.clock.Now())
	h.arm()
}

// givenUp implements Config.OnGivenUp.
func (h *Hub) givenUp(p *intentra.Peer, channel uint32) {
	h.mu.Lock()
	h.core.givenUp(p, channel, h.clock.Now())
	h.arm()
	h.mu.Unlock()
	if h.onGivenUp != nil {
		h.onGivenUp(p, channel)
	}
}

// delivered implements Config.OnDelivery. Tokens without tokenHub are the program's.
func (h *Hub) delivered(d intentra.Delivery) {
	if d.Token&tokenHub == 0 {
		if h.delivery != nil {
			h.delivery(d)
		}
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.core.delivered(&d, h.clock.Now())
	h.arm()
}

// room implements Config.Room.
func (h *Hub) room(p *intentra.Peer, channel uint32) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.core.room(p, channel, h.clock.Now())
}

// peerEvent implements Config.OnPeer.
func (h *Hub) peerEvent(ev intentra.PeerEvent) {
	h.mu.Lock()
	h.core.peerEvent(ev, h.clock.Now())
	h.arm()
	h.mu.Unlock()
	if h.onPeer != nil {
		h.onPeer(ev)
	}
}

// arm has timeout called when something is due.
func (h *Hub) arm() {
	at, ok := h.core.deadline()
	if n := len(h.armed); !ok || h.closed || n > 0 && h.armed[n-1] <= at {
		return
	}
	h.armed = append(h.armed, at)
	h.clock.After(max(at-h.clock.Now(), 0), h.timeout)
}

func (h *Hub) timeout() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.armed = h.armed[:len(h.armed)-1]
	h.core.timeout(h.clock.Now())
	h.arm()
}

// Publishers returns the peers of the hub that are connected or were so not long ago,
// in the order of their keys.
func (h *Hub) Publishers() []Publisher {
	must(h.valid())
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]Publisher, 0, len(h.core.publishers))
	for _, p := range h.core.sortedPublishers() {
		list = append(list, p.describe())
	}
	return list
}

// PublisherStats returns the counters of the same peers as Publishers.
func (h *Hub) PublisherStats() []PublisherStats {
	must(h.valid())
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]PublisherStats, 0, len(h.core.publishers))
	for _, p := range h.core.sortedPublishers() {
		list = append(list, p.snapshot())
	}
	return list
}

// Publisher returns the counters of the peer with the given key. ok is false if it is
// neither connected nor was so not long ago.
func (h *Hub) Publisher(k intentra.PublicKey) (s PublisherStats, ok bool) {
	must(h.valid())
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.core.publishers[k]
	if p == nil {
		return s, false
	}
	return p.snapshot(), true
}

// Topics returns the topics of the hub in the order of their paths.
func (h *Hub) Topics() []TopicInfo {
	must(h.valid())
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]TopicInfo, 0, len(h.core.topics.sorted))
	for _, t := range h.core.topics.sorted {
		list = append(list, t.info())
	}
	return list
}

// Stats returns the counters of the hub.
func (h *Hub) Stats() Stats {
	must(h.valid())
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.core.snapshot()
}

// SetAccess replaces the access list. Keys that it no longer contains are revoked.
// A peer with a new name, or whose rights have changed, keeps its connection: its
// topics get their new paths, and what it may no longer publish or receive ends.
func (h *Hub) SetAccess(a *Access) {
	must(h.valid())
	must(a.valid())
	h.mu.Lock()
	node, revoked := h.node, h.core.setAccess(a, time.Now(), h.clock.Now())
	h.arm()
	h.armExpiry()
	h.mu.Unlock()
	for _, k := range revoked {
		node.Revoke(k)
	}
}

// expiryCheck is the longest time between two looks at the dates of the access list, so
// that a step of the system's clock does not delay the end of a key for long.
const expiryCheck = time.Minute

// armExpiry has the keys revoked whose date comes.
func (h *Hub) armExpiry() {
	access, now := h.core.access, time.Now()
	next := access.nextEnd(now)
	if next.IsZero() || h.closed || h.expiring == access {
		return
	}
	h.expiring = access
	h.clock.After(min(next.Sub(now), expiryCheck), func() {
		h.mu.Lock()
		h.expiring = nil
		current, node := h.core.access == access && !h.closed, h.node
		var revoked []intentra.PublicKey
		if current {
			revoked = h.core.setAccess(access, time.Now(), h.clock.Now())
		}
		h.arm()
		h.armExpiry()
		h.mu.Unlock()
		for _, k := range revoked {
			node.Revoke(k)
		}
	})
}
