package hub

import (
	"maps"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/heap"
)

// publisher is a key that is connected or was so not long ago, with its topics.
type publisher struct {
	key      intentra.PublicKey
	name     string
	member   *member // nil while it is not connected to this hub
	remote   bool    // it is connected to another hub of the fleet
	shared   bool    // the fleet knows that it is or was connected to this one
	restarts uint64
	seq      uint64            // of the latest control message to it
	topics   map[string]*topic // by Topic.Name
	updates  budget
	bytes    budget
	cached   int // bytes of cached values
	stats    PublisherStats
	forget   heap.Node[timed]
	delays   delays
	overdue  overdues
	gaps     gaps

	described *Publisher // for updates; never changed in place
}

// publisherOf returns the publisher with a key, which is made if need be.
func (c *core) publisherOf(k intentra.PublicKey) *publisher {
	if p := c.publishers[k]; p != nil {
		return p
	}
	p := &publisher{
		key: k, name: c.access.Name(k), topics: make(map[string]*topic),
		updates: newBudget(c.limits.Updates, max(c.limits.Updates/10, 1)),
		bytes:   newBudget(c.limits.Bytes, max(c.limits.Bytes/10, leastBytesBurst)),
	}
	p.forget.Value = p
	p.delays.timer.Value = &p.delays
	p.overdue.publisher, p.overdue.timer.Value = p, &p.overdue
	c.publishers[k] = p
	return p
}

// timeout forgets the publisher and its topics.
func (p *publisher) timeout(c *core, now time.Duration) {
	if p.member != nil || p.remote {
		return
	}
	for _, t := range p.sortedTopics() {
		c.remove(t, now)
	}
	delete(c.publishers, p.key)
	if p.shared {
		c.fleet.PublisherForgotten(p.key)
	}
}

// sortedTopics returns the topics in the order of their names.
func (p *publisher) sortedTopics() []*topic {
	topics := make([]*topic, 0, len(p.topics))
	for _, name := range slices.Sorted(maps.Keys(p.topics)) {
		topics = append(topics, p.topics[name])
	}
	return topics
}

// info describes the publisher.
func (p *publisher) info() peerInfo {
	return peerInfo{Name: p.name, Key: p.key, Connected: p.member != nil || p.remote, Restarts: p.restarts}
}

// budget is a token bucket.
type budget struct{ *rate.Limiter }

func newBudget(perSecond, burst int) budget {
	return budget{rate.NewLimiter(rate.Limit(perSecond), burst)}
}

// nearlyFull reports whether at most a tenth of the tokens are missing, but not all.
func (b budget) nearlyFull(now time.Duration) bool {
	return b.TokensAt(time.Unix(0, int64(now))) >= float64(max(b.Burst()-b.Burst()/10, 1))
}

// owesLittle reports whether less than a tenth of a full bucket would have to be added for it
// to be empty.
func (b budget) owesLittle(now time.Duration) bool {
	return b.TokensAt(time.Unix(0, int64(now))) >= -float64(b.Burst()/10)
}

// take takes n tokens, also if that leaves less than none.
func (b budget) take(n int, now time.Duration) {
	b.ReserveN(time.Unix(0, int64(now)), min(n, b.Burst()))
}

// allow takes n tokens, at most those of a full bucket, or none and returns false.
func (b budget) allow(n int, now time.Duration) bool {
	return b.AllowN(time.Unix(0, int64(now)), min(n, b.Burst()))
}
