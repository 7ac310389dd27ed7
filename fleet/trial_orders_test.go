package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/fleet/flow"
	"github.com/intentra/intentra/fleet/roam"
)

// TestOrders: what is missing, late or comes twice is attributed to new sessions that are known
// when it comes, or begin soon after.
func TestOrders(t *testing.T) {
	now := time.Minute
	c := &crowd{wants: 1, links: make([]link, 2), pairs: make([]pair, 2), clients: make([]*roam.Client, 2), now: func() time.Duration { return now }}
	order := func(number uint64, publisher uint32) { c.order(0, now, number, publisher) }
	order(7, 1)
	order(8, 1)
	order(8, 1) // twice, for no reason
	now += 10 * time.Second
	c.watch()
	require.Equal(t, orderCounts{causeNone: {Received: 3, InOrder: 2, Duplicate: 1}}, c.counts)

	order(8, 1) // twice, because of a session that is known later
	now += sessionAfter / 2
	c.links[1].since = now
	c.watch()
	require.Zero(t, c.counts[causePublisher])
	now += sessionAfter
	c.watch()
	require.Equal(t, flow.Counts{Received: 1, Duplicate: 1}, c.counts[causePublisher])

	now += time.Minute
	order(12, 2) // the publisher is at another hub
	c.links[0].hubs.Add(1)
	order(14, 2) // the subscriber is
	c.links[0].hubs.Add(1)
	order(16, 3) // both are
	order(10, 3)
	_, counts := c.totals()
	require.EqualValues(t, 3, counts[causePublisher].Missing)
	require.EqualValues(t, 1, counts[causeSubscriber].Missing)
	require.EqualValues(t, 1, counts[causeBoth].Missing)
	require.EqualValues(t, 1, counts.sum().Reordered)
	require.Equal(t, ": 3 after one of the publisher, 1 of the subscriber, 1 of both", counts.by(func(c flow.Counts) uint64 { return c.Missing }))
	require.Empty(t, counts.by(func(flow.Counts) uint64 { return 0 }))
}
