package node

import (
	"sync"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/member"
	"github.com/intentra/intentra/hub"
)

// What we chose: how many updates of this hub's publishers, and bytes of them, may wait for
// the node's loop. Beyond that updates are dropped and counted.
const (
	maxQueued      = 1 << 16
	maxQueuedBytes = 8 << 20
)

// queue carries what the hub tells its fleet from the hub's event loop to the node's. It
// implements [hub.Fleet]. Its methods are called with the hub locked, which makes the order
// of events that of the hub.
type queue struct {
	wake  chan struct{} // has a token if there are events
	start time.Time     // of the clock of the member

	mu       sync.Mutex
	events   []event
	details  []detail
	payloads []byte
	updates  int
	overflow uint64
}

// event is small, because most are updates. Other events have a detail.
type event struct {
	kind eventKind
	id   uint64
	made member.Stamp // of an update
	n    int          // of an update the size of the payload, else the index of the detail
}

type detail struct {
	publisher hub.Publisher
	topic     hub.Topic
	wanted    bool
}

type eventKind uint8

const (
	eventUpdate eventKind = iota
	eventPublisher
	eventForgotten
	eventTopic
	eventRetracted
	eventWanted
)

func newQueue(start time.Time) *queue { return &queue{wake: make(chan struct{}, 1), start: start} }

func (q *queue) add(kind eventKind, id uint64, d detail) {
	q.mu.Lock()
	q.events = append(q.events, event{kind: kind, id: id, n: len(q.details)})
	q.details = append(q.details, d)
	q.mu.Unlock()
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// PublisherChanged implements hub.Fleet.
func (q *queue) PublisherChanged(p hub.Publisher) { q.add(eventPublisher, 0, detail{publisher: p}) }

// PublisherForgotten implements hub.Fleet.
func (q *queue) PublisherForgotten(k intentra.PublicKey) {
	q.add(eventForgotten, 0, detail{publisher: hub.Publisher{Key: k}})
}

// TopicDeclared implements hub.Fleet.
func (q *queue) TopicDeclared(id uint64, k intentra.PublicKey, t hub.Topic) {
	q.add(eventTopic, id, detail{publisher: hub.Publisher{Key: k}, topic: t})
}

// TopicRetracted implements hub.Fleet.
func (q *queue) TopicRetracted(id uint64) { q.add(eventRetracted, id, detail{}) }

// TopicWanted implements hub.Fleet.
func (q *queue) TopicWanted(k intentra.PublicKey, topic string, wanted bool) {
	q.add(eventWanted, 0, detail{publisher: hub.Publisher{Key: k}, topic: hub.Topic{Name: topic}, wanted: wanted})
}

// Published implements hub.Fleet.
func (q *queue) Published(id uint64, payload []byte, age hub.Age) {
	var made member.Stamp
	if age.Known {
		made = member.StampOf(age, time.Since(q.start))
	}
	q.mu.Lock()
	if q.updates >= maxQueued || len(q.payloads)+len(payload) > maxQueuedBytes {
		q.overflow++
		q.mu.Unlock()
		return
	}
	q.updates++
	first := len(q.events) == 0
	q.events = append(q.events, event{eventUpdate, id, made, len(payload)})
	q.payloads = append(q.payloads, payload...)
	q.mu.Unlock()
	if first {
		q.signal()
	}
}

// taken is what was taken out of a queue. Its slices are used again.
type taken struct {
	events   []event
	details  []detail
	payloads []byte
}

// take exchanges what has queued for the empty slices of t.
func (q *queue) take(t *taken) {
	clear(t.details)
	t.events, t.details, t.payloads = t.events[:0], t.details[:0], t.payloads[:0]
	q.mu.Lock()
	defer q.mu.Unlock()
	q.events, t.events = t.events, q.events
	q.details, t.details = t.details, q.details
	q.payloads, t.payloads = t.payloads, q.payloads
	q.updates = 0
}

// dropped returns how many updates had no room.
func (q *queue) dropped() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.overflow
}

// apply gives the events to a member, in order.
func (t *taken) apply(m *member.Member) {
	rest := t.payloads
	for _, e := range t.events {
		if e.kind == eventUpdate {
			m.LocalUpdate(e.id, rest[:e.n], e.made)
			rest = rest[e.n:]
			continue
		}
		d := &t.details[e.n]
		switch e.kind {
		case eventPublisher:
			m.LocalPublisher(d.publisher)
		case eventForgotten:
			m.LocalForgotten(d.publisher.Key)
		case eventTopic:
			m.LocalTopic(e.id, d.publisher.Key, d.topic)
		case eventRetracted:
			m.LocalRetracted(e.id)
		case eventWanted:
			m.Wanted(d.publisher.Key, d.topic.Name, d.wanted)
		}
	}
}
