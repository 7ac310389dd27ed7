package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/intentra/intentra/fleet/member"
	"github.com/intentra/intentra/fleet/node"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/load"
)

// counts is what the peers and hubs of a demo have counted at a moment. All of it only grows,
// except for subscribers.
type counts struct {
	sent, arrived, unwanted uint64 // arrived includes what was corrupt or came twice
	peerQueues, hubQueues   uint64 // drops of messages that were queued
	superseded              uint64 // queued in a hub and replaced by a newer one
	hub                     hub.Stats
	topics                  []map[string]hub.TopicInfo // by hub and path
	uplink, downlink        load.Drops                 // what peers and hubs dropped, by stage
	fleet                   load.Drops                 // what was lost between hubs, by reason
}

// count reads the counters.
func (d *demo) count() *counts {
	m := d.mesh.Counts()
	c := &counts{sent: m.Sent, arrived: m.Delivered + m.Corrupt + m.Repeated, uplink: load.Drops{}, downlink: load.Drops{}, fleet: load.Drops{}}
	for i, client := range d.clients {
		c.unwanted += d.topics[i].Unwanted()
		s := client.Peer().Transport().Stats()
		c.uplink.Add(s)
		for _, drop := range s.SendDrops {
			c.peerQueues += drop.Count
		}
	}
	for _, n := range d.nodes {
		s := n.Hub().Transport().Stats()
		c.downlink.Add(s)
		for _, drop := range s.SendDrops {
			c.hubQueues += drop.Count
		}
		c.superseded += s.Superseded
		h := n.Hub().Stats()
		c.hub.Received += h.Received
		for i, drops := range h.Drops {
			c.hub.Drops[i] += drops
		}
		c.hub.Sent += h.Sent
		c.hub.Refused += h.Refused
		c.hub.Filtered += h.Filtered
		c.hub.Conflated += h.Conflated
		betweenHubs(c.fleet, n.Status())
		topics := make(map[string]hub.TopicInfo)
		for _, t := range n.Hub().Topics() {
			topics[t.Path] = t
		}
		c.topics = append(c.topics, topics)
	}
	return c
}

// betweenHubs adds what a hub has counted of the way between hubs.
func betweenHubs(d load.Drops, s node.Status) {
	d.Count("updates", "overflow", s.Overflow)
	d.Count("frames", "unsent", s.FramesUnsent)
	d.Count("messages", "slow", s.Slow)
	d.Count("batches", "missing", s.Batches.Missing)
	d.Count("batches", "reordered", s.Batches.Reordered)
	d.Count("updates", "missing", s.Missing)
	for r := range member.UnsentReasons {
		d.Count("unsent", r.String(), s.Unsent[r])
	}
	for r := range member.Reasons {
		d.Count("updates", r.String(), s.Drops[r])
	}
}

// loss is how many deliveries were lost in one place.
type loss struct {
	// Reason is a name for programs, and Text one for people.
	Reason string `json:"reason"`
	Text   string `json:"-"`
	Count  int64  `json:"deliveries"`
	// Detail lists counters about it that are in other units: datagrams, updates and batches.
	Detail string `json:"detail,omitempty"`
}

// account says what became of the deliveries that were due between two counts, in the order
// of the way that a state takes. Each is due at wants peers. The losses add up to the
// deliveries that were due and did not arrive. If peers reconnect or move in between, counts of
// one topic at several hubs no longer belong together, and single losses may be negative; see
// merge.
func account(a, b *counts, wants int) []loss {
	each := func(n uint64) int64 { return int64(n) * int64(wants) }
	sent, unwanted, queues := b.sent-a.sent, b.unwanted-a.unwanted, b.peerQueues-a.peerQueues
	received, refused := b.hub.Received-a.hub.Received, b.hub.Refused-a.hub.Refused
	var dropped uint64
	for i := range b.hub.Drops {
		dropped += b.hub.Drops[i] - a.hub.Drops[i]
	}
	home, due := distributed(a, b)
	withheld := b.hub.Filtered + b.hub.Conflated - a.hub.Filtered - a.hub.Conflated
	queued, hubQueues, superseded := b.hub.Sent-a.hub.Sent, b.hubQueues-a.hubQueues, b.superseded-a.superseded
	return []loss{
		{"unwanted", "not sent: its publisher knew of no subscriber", each(unwanted), ""},
		{"peer_queue", "dropped in the queue of its publisher", each(queues), ""},
		{"uplink", "in datagrams to hubs", each(sent - unwanted - queues - received), b.downlink.Since(a.downlink).String()},
		{"limits", "beyond the limits of a hub", each(dropped), ""},
		{"unknown", "in no topic of its hub", each(received-dropped) - home, ""},
		{"fleet", "between hubs", home - due, b.fleet.Since(a.fleet).String()},
		{"undistributed", "not distributed by a hub", due - int64(queued+refused+withheld), ""},
		{"withheld", "held back by a rate or an area", int64(withheld), ""},
		{"refused", "refused by the queue to its subscriber", int64(refused), ""},
		{"hub_queue", "dropped in the queue to its subscriber", int64(hubQueues), ""},
		{"superseded", "replaced there by a newer one", int64(superseded), ""},
		{"downlink", "in datagrams to subscribers", int64(queued - hubQueues - superseded - (b.arrived - a.arrived)), b.uplink.Since(a.uplink).String()},
	}
}

// merge adds each negative loss to the larger one next to it, until all are positive or zero. The
// counters show only the sum of both then. The sum of all stays the same.
func merge(losses []loss) []loss {
	losses = slices.Clone(losses)
	for {
		i := slices.IndexFunc(losses, func(l loss) bool { return l.Count < 0 })
		if i < 0 || len(losses) == 1 {
			return losses
		}
		if i == len(losses)-1 || i > 0 && losses[i-1].Count > losses[i+1].Count {
			i--
		}
		a, b := losses[i], losses[i+1]
		both := loss{a.Reason + "+" + b.Reason, a.Text + ", or " + b.Text, a.Count + b.Count, a.Detail}
		if b.Detail != "" {
			both.Detail = strings.TrimPrefix(a.Detail+"; "+b.Detail, "; ")
		}
		losses = slices.Replace(losses, i, i+2, both)
	}
}

// distributed returns the deliveries due of what the hubs of the publishers have accepted, and
// of what the hubs of the subscribers have.
func distributed(a, b *counts) (home, due int64) {
	paths := make(map[string]bool)
	for h := range b.topics {
		for path := range b.topics[h] {
			paths[path] = true
		}
	}
	for path := range paths {
		var most, subscribers int64
		for h := range b.topics {
			t := b.topics[h][path]
			n := int64(t.Updates - a.topics[h][path].Updates)
			most = max(most, n) // no hub has more updates than that of the publisher
			subscribers += int64(t.Subscribers)
			due += n * int64(t.Subscribers)
		}
		home += most * subscribers
	}
	return home, due
}

// lost returns the deliveries that were lost.
func lost(losses []loss) (n int64) {
	for _, l := range losses {
		n += l.Count
	}
	return n
}

// check returns an error if more arrived than was due: a counter is wrong.
func check(losses []loss) error {
	for _, l := range losses {
		if l.Count < 0 {
			return fmt.Errorf("demo: the counters contradict each other: %d deliveries %s", l.Count, l.Text)
		}
	}
	return nil
}

// printLosses prints where deliveries were lost.
func printLosses(w io.Writer, losses []loss) error {
	for _, l := range losses {
		if l.Count == 0 {
			continue
		}
		if _, err := fmt.Fprintf(w, "  %-48s %9d   %s\n", l.Text, l.Count, l.Detail); err != nil {
			return err
		}
	}
	return nil
}
