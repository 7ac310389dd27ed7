package hub

import (
	"fmt"
	"time"

	"github.com/intentra/intentra"
)

// Limits bound what peers can make a hub spend. A zero value of a field means its
// default.
type Limits struct {
	// Topics is how many topics there are at a time, and TopicsPerPublisher how many
	// of them one publisher may declare. Defaults 65,536 and 256; ranges 1 to 65,536.
	Topics, TopicsPerPublisher int
	// Subscriptions is how many subscriptions one peer may have. Default 256, range 1
	// to 65,536.
	Subscriptions int
	// CachedBytes is the memory for cached values, and CachedBytesPerPublisher the part
	// of it that one publisher may use. When it is full, the value that has not changed
	// for the longest time is dropped. Defaults 64 MiB and 1 MiB; ranges 0 to 2^30,
	// where a negative value means zero.
	CachedBytes, CachedBytesPerPublisher int
	// Updates and Bytes are how many updates, and bytes in them, are accepted from one
	// publisher per second, on average; a tenth of a second's worth may come at once, of
	// Reliable updates a hundredth. Reliable updates beyond that wait at the publisher, and of
	// a Latest topic the newest value follows once the limit allows it; all others are dropped.
	// Clients learn of both limits; see [Client.Limits].
	// Defaults 10,000 and 4 MiB; ranges 10 to 2^30.
	Updates, Bytes int
	// Requests is how many control messages are accepted from one peer per second, on
	// average, and RequestBurst how many at once. Defaults 50 and 1,024; ranges 1 to
	// 2^20.
	Requests, RequestBurst int
	// Remember is how long the topics and cached values of a publisher are kept after
	// it has disconnected. Default 60 s, range 0 to 10 years, where a negative value
	// means zero.
	Remember time.Duration
}

func (l Limits) withDefaults() Limits {
	fill := func(field *int, value int) {
		switch {
		case *field == 0:
			*field = value
		case *field < 0:
			*field = 0
		}
	}
	for _, f := range l.fields() {
		if f.orNone || *f.field == 0 {
			fill(f.field, f.value)
		}
	}
	switch {
	case l.Remember == 0:
		l.Remember = time.Minute
	case l.Remember < 0:
		l.Remember = 0
	}
	return l
}

// limit is a field of Limits.
type limit struct {
	name            string
	field           *int
	value, min, max int
	orNone          bool // a negative value means zero
}

func (l *Limits) fields() []limit {
	return []limit{
		{"Topics", &l.Topics, maxTopics, 1, maxTopics, false},
		{"TopicsPerPublisher", &l.TopicsPerPublisher, 256, 1, maxTopics, false},
		{"Subscriptions", &l.Subscriptions, 256, 1, 1 << 16, false},
		{"CachedBytes", &l.CachedBytes, 64 << 20, 0, 1 << 30, true},
		{"CachedBytesPerPublisher", &l.CachedBytesPerPublisher, 1 << 20, 0, 1 << 30, true},
		{"Updates", &l.Updates, 10_000, 10, 1 << 30, false},
		{"Bytes", &l.Bytes, 4 << 20, 10, 1 << 30, false},
		{"Requests", &l.Requests, 50, 1, 1 << 20, false},
		{"RequestBurst", &l.RequestBurst, 1024, 1, 1 << 20, false},
	}
}

// check returns an error if a field is out of its range.
func (l Limits) check() error {
	for _, f := range l.fields() {
		if *f.field < f.min || *f.field > f.max {
			return fmt.Errorf("hub: Limits.%s is %d; it must be %d to %d", f.name, *f.field, f.min, f.max)
		}
	}
	return nil
}

// What we chose.
const (
	// maxTopics is the most topics of a hub; their numbers are below cachedOffset.
	maxTopics = 1 << 16
	// maxReplies is how many answers may wait for a peer that does not acknowledge
	// them. A peer that asks for more is disconnected.
	maxReplies = 1024
	// topicsPerRequest is how many topics a request may concern until it counts as one more,
	// and subscriptionsPerRequest how many subscriptions of all clients a declaration. A
	// pattern that does not match takes 0.1 us. With 25,600 subscriptions a declaration counts
	// as three requests, so a new publisher may still declare 256 topics at once.
	topicsPerRequest        = 2000
	subscriptionsPerRequest = 10_000
	// leastBytesBurst is how many bytes may come at once however few are accepted per
	// second: an update of any size.
	leastBytesBurst = 1 << 16
	// retryAfter is when control messages that had no room are tried again.
	retryAfter = 20 * time.Millisecond
	// heldBytes and heldUpdates bound the Reliable updates that wait for the
	// declaration of their channel, and heldTime how long they wait. As many updates fit
	// the send queue of a client with the default configuration.
	heldBytes   = 256 << 10
	heldUpdates = intentra.DefaultReliableQueueMessages
	heldTime    = 5 * time.Second
	// maxGaps is for how many undeclared channels of a publisher the hub remembers that
	// it has dropped Reliable updates.
	maxGaps = 256
	// confirmAfter is how long the declaration of a Reliable topic waits for the
	// subscribers that are there to confirm it.
	confirmAfter = time.Second
	// urgeAfter is how long the hub waits for a hello before it tells the peer that it is
	// a hub, if it sends nothing else. A peer that does not expect a hub may end soon.
	urgeAfter = 250 * time.Millisecond
	// complainAfter is the least time between two errors about undeclared channels.
	complainAfter = time.Second
)
