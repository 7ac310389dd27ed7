package hub

import (
	"time"

	"github.com/intentra/intentra"
)

// DropReason is why a hub dropped an update of a publisher.
type DropReason uint8

const (
	// DropUndeclared counts updates on channels that were not declared.
	DropUndeclared DropReason = iota
	// DropIntent counts updates that did not have the intent of their topic.
	DropIntent
	// DropUpdates and DropBytes count updates beyond Limits.Updates and Limits.Bytes. The newest
	// value of a Latest topic is not among them as long as it waits for the limit in the cache.
	DropUpdates
	DropBytes
	// DropExpired counts updates that were older than Topic.TTL when they came or when they
	// would have been passed on, and notices of publishers that have given up Reliable ones.
	DropExpired
	dropReasons
)

// String returns the name of the reason in metrics.
func (r DropReason) String() string {
	return [...]string{"undeclared", "intent", "updates", "bytes", "expired"}[r]
}

// RequestResult is what became of a control message of a client.
type RequestResult uint8

const (
	// RequestAccepted counts requests that were carried out.
	RequestAccepted RequestResult = iota
	// RequestRejected counts those that were answered with an error, also for one of
	// the two following reasons.
	RequestRejected
	// RequestMalformed and RequestExcess count those that were no control messages, and
	// those beyond Limits.Requests.
	RequestMalformed
	RequestExcess
	// RequestUnknown counts those of an unknown type, which were ignored.
	RequestUnknown
	requestResults
)

// String returns the name of the result in metrics.
func (r RequestResult) String() string {
	return [...]string{"accepted", "rejected", "malformed", "excess", "unknown"}[r]
}

// Stats are the counters of a hub since it was made.
type Stats struct {
	// Received counts updates that came from publishers, Drops those that were not
	// distributed, by [DropReason].
	Received uint64
	Drops    [dropReasons]uint64
	// Sent counts updates that were queued to subscribers, Cached values from the cache
	// that were, and Refused updates that were not because a queue was full or the
	// subscriber had just disconnected.
	Sent, Cached, Refused uint64
	// Refreshed counts newest values of Latest topics that were sent again to a subscriber
	// that may have missed them.
	Refreshed uint64
	// Filtered counts updates outside of the area of a subscription, or that Config.Filter
	// withheld, and Conflated
	// those that its maximum rate held back. Neither is a drop: the subscriber asked
	// for them.
	Filtered, Conflated uint64
	// Slow counts subscriptions that ended because a Reliable update had no room, and
	// Missed the Reliable updates that they missed until their subscriber was notified.
	Slow, Missed uint64
	// Uncached counts values that were not kept, or dropped, because the cache was full.
	Uncached uint64
	// Requests counts control messages, by [RequestResult]. Flooded counts peers that
	// were disconnected because they did not acknowledge answers.
	Requests [requestResults]uint64
	Flooded  uint64
	// Panics counts panics in Config.Filter.
	Panics uint64
	// Ages counts updates by how old they were when the hub passed them on: those of topics
	// with a Stamp whose age was known, also of topics of other hubs. There is a count for
	// each of [AgeBounds], of ages up to that bound and above the one before, and one more for
	// higher ages.
	Ages [ageBuckets + 1]uint64
	// Members, Publishers, Topics, Subscriptions and CachedBytes are present sizes, and so
	// is Stamped, which counts the topics with a Stamp.
	Members, Publishers, Topics, Stamped, Subscriptions, CachedBytes int
}

// PublisherStats are the counters of one publisher, since it became known.
type PublisherStats struct {
	Publisher
	// Received and Drops are like those of [Stats].
	Received uint64
	Drops    [dropReasons]uint64
	// Topics and CachedBytes are present sizes.
	Topics, CachedBytes int
}

// TopicInfo describes a topic of a hub.
type TopicInfo struct {
	Path     string          `json:"path"`
	Intent   intentra.Intent `json:"intent"`
	Encoding string          `json:"encoding,omitempty"`
	// Updates and Bytes count what was accepted from the publisher.
	Updates uint64 `json:"updates"`
	Bytes   uint64 `json:"bytes"`
	// Subscribers is how many peers subscribe to the topic.
	Subscribers int `json:"subscribers"`
	// Conflated counts updates that the maximum rate of a subscription held back.
	Conflated uint64 `json:"conflated"`
	// Live is false if the publisher is not connected.
	Live bool `json:"live"`
}

func (c *core) snapshot() Stats {
	s := c.stats
	s.Members, s.Publishers, s.Topics, s.CachedBytes = len(c.members), len(c.publishers), len(c.topics.sorted), c.cachedSize
	return s
}

func (p *publisher) snapshot() PublisherStats {
	s := p.stats
	s.Publisher, s.Topics, s.CachedBytes = p.describe(), len(p.topics), p.cached
	return s
}

// describe returns the exported description of a publisher.
func (p *publisher) describe() Publisher {
	return Publisher{Name: p.name, Key: p.key, Connected: p.member != nil || p.remote, Restarts: p.restarts}
}

// update returns an update of the topic.
func (t *topic) update(u *update, now time.Duration) Update {
	p := t.publisher
	if now := p.describe(); p.described == nil || *p.described != now {
		p.described = &now
	}
	out := Update{Publisher: p.described, Topic: &t.desc, Payload: u.payload}
	if u.stamp.known {
		out.Stamp = true
		out.Age, out.Within = u.stamp.age(now)
	}
	return out
}
