package main

import (
	"strings"
	"sync"

	"github.com/intentra/intentra/hub"
)

// isState reports whether a topic of the demo with a page carries states, and not poses,
// which the account of the demo leaves out.
func isState(t *hub.TopicInfo) bool { return strings.HasSuffix(t.Path, "/state") }

// stateCount counts the states that hubs of the demo have received, one hub after another.
// The zero value is ready to use. It is safe for concurrent use.
type stateCount struct {
	mu    sync.Mutex
	hub   *hub.Hub
	seen  map[string]uint64 // updates of each topic of hub
	total uint64
}

// count adds what h has received since the previous call, and returns the total. It must be
// called more often than a hub forgets the topics of peers that have left, and for a hub
// that ends before it is called for the next one.
func (c *stateCount) count(h *hub.Hub) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.follow(h)
	c.add(h.Topics())
	return c.total
}

// follow forgets the topics of another hub than h.
func (c *stateCount) follow(h *hub.Hub) {
	if h != c.hub {
		c.hub, c.seen = h, make(map[string]uint64)
	}
}

func (c *stateCount) add(topics []hub.TopicInfo) {
	for i := range topics {
		t := &topics[i]
		if !isState(t) {
			continue
		}
		last := c.seen[t.Path]
		if t.Updates < last {
			last = 0 // the hub forgot the topic, and it was declared again
		}
		c.total += t.Updates - last
		c.seen[t.Path] = t.Updates
	}
}

// subscribed reports whether at least some number of peers publish states and each of
// these topics has all the other publishers as subscribers.
func subscribed(topics []hub.TopicInfo, peers int) bool {
	live := 0
	for i := range topics {
		if t := &topics[i]; isState(t) && t.Live {
			live++
		}
	}
	for i := range topics {
		if t := &topics[i]; isState(t) && t.Live && t.Subscribers < live-1 {
			return false
		}
	}
	return live >= peers
}
