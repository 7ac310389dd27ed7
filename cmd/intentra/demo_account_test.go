package main

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/load"
	"github.com/intentra/intentra/internal/loopback"
)

// States are counted once and poses are not, also when topics are forgotten and
// declared again.
func TestStateCount(t *testing.T) {
	c := stateCount{seen: make(map[string]uint64)}
	for _, step := range []struct {
		topics []hub.TopicInfo
		total  uint64
	}{
		{nil, 0},
		{[]hub.TopicInfo{{Path: "a/state", Updates: 3}, {Path: "a/pose", Updates: 100}}, 3},
		{[]hub.TopicInfo{{Path: "a/state", Updates: 5}, {Path: "b/state", Updates: 1}}, 6},
		{[]hub.TopicInfo{{Path: "b/state", Updates: 1}}, 6},
		{[]hub.TopicInfo{{Path: "a/state", Updates: 2}, {Path: "b/state", Updates: 4}}, 11},
	} {
		c.add(step.topics)
		require.Equal(t, step.total, c.total, "%v", step.topics)
	}
}

// A hub that follows another one counts from zero.
func TestStateCountOfTheNextHub(t *testing.T) {
	var c stateCount
	first, next := new(hub.Hub), new(hub.Hub)
	c.hub, c.seen, c.total = first, map[string]uint64{"a/state": 5}, 5
	c.follow(next)
	c.add([]hub.TopicInfo{{Path: "a/state", Updates: 7}})
	require.EqualValues(t, 12, c.total)
	c.follow(next)
	c.add([]hub.TopicInfo{{Path: "a/state", Updates: 8}})
	require.EqualValues(t, 13, c.total)
}

func TestSubscribed(t *testing.T) {
	topic := func(path string, subscribers int, live bool) hub.TopicInfo {
		return hub.TopicInfo{Path: path, Subscribers: subscribers, Live: live}
	}
	all := []hub.TopicInfo{topic("a/state", 2, true), topic("b/state", 2, true), topic("c/state", 2, true), topic("a/pose", 0, true)}
	require.True(t, subscribed(all, 3))
	require.False(t, subscribed(all, 4), "one has not declared its topic")
	require.False(t, subscribed(nil, 2))
	all[1].Subscribers = 1
	require.False(t, subscribed(all, 3), "one is missing a subscriber")
	all[1].Live = false
	all[0].Subscribers, all[2].Subscribers = 1, 1
	require.True(t, subscribed(all, 2), "one was killed")
}

// A delivery to a peer that was not expected to receive the state is not counted.
func TestDeliveriesToNewPeers(t *testing.T) {
	s := new(show)
	state := make([]byte, load.MinState)
	load.Stamp{At: load.Now(), ID: 3}.Put(state)
	for i := range 5 {
		s.receive(i, hub.Update{Payload: state})
	}
	require.EqualValues(t, 3, s.delivered.Load())
}

// The account of a demo with a page adds up as that of one without.
func TestDemoWithAPage(t *testing.T) {
	t.Parallel()
	r := start(t, nil, "demo", "--peers", "4", "--rate", "50", "--duration", "1h", "--json", "--http", "127.0.0.1:0")
	u := pageOf(t, r)
	u.Path = "/metrics"
	delivered := regexp.MustCompile(`(?m)^intentra_update_age_seconds_count [1-9]`)
	loopback.Eventually(t, t.Context(), "a state is delivered", func() bool { return delivered.MatchString(get(t, u.String())) })
	r.interrupt()
	r.succeed()
	var got demoResult
	lastLine(t, r.stdout.String(), &got)
	require.Positive(t, got.StatesReceived)
	require.LessOrEqual(t, got.StatesReceived, got.StatesSent)
	require.Equal(t, 3*got.StatesSent, got.DeliveriesExpected)
	require.LessOrEqual(t, got.Deliveries, 3*got.StatesReceived)
	require.Positive(t, got.Deliveries)
}

// A demo with a page ends after its duration, whether its peers are connected or not.
func TestShortDemoWithAPage(t *testing.T) {
	t.Parallel()
	r := start(t, nil, "demo", "--peers", "2", "--duration", "1ms", "--json", "--http", "127.0.0.1:0")
	r.succeed()
	var got demoResult
	lastLine(t, r.stdout.String(), &got)
	require.Positive(t, got.DurationS)
}
