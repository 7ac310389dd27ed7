package metrics

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/hub"
)

// Each counter of a hub has a metric with its value, and what has labels is bounded.
func TestHubCollector(t *testing.T) {
	h, err := hub.New(hub.Config{Access: hub.AllowAny()})
	require.NoError(t, err)
	c := NewHubCollector(h, WithPublishers(2), WithTopics(1)).(*hubCollector)
	require.NoError(t, testutil.CollectAndCompare(c, strings.NewReader(`
# HELP intentra_hub_topics Topics.
# TYPE intentra_hub_topics gauge
intentra_hub_topics 0
`), "intentra_hub_topics"))

	s := hubSnapshot{stats: hub.Stats{Received: 1, Sent: 2, Cached: 3, Refused: 4, Filtered: 5, Conflated: 6, Missed: 7, Slow: 8, Uncached: 9, Flooded: 10, Panics: 11, Members: 12, Publishers: 13, Topics: 14, Subscriptions: 15, CachedBytes: 16, Stamped: 19, Refreshed: 20}}
	s.stats.Ages = [len(s.stats.Ages)]uint64{0: 3, 2: 4, len(s.stats.Ages) - 1: 5}
	s.stats.Drops[hub.DropBytes] = 17
	s.stats.Requests[hub.RequestExcess] = 18
	for i := range 3 {
		p := hub.PublisherStats{Publisher: hub.Publisher{Name: fmt.Sprint("robot-", 3-i)}, Received: uint64(20 + i)}
		p.Drops[hub.DropUpdates] = uint64(30 + i)
		s.publishers = append(s.publishers, p)
		s.topics = append(s.topics, hub.TopicInfo{Path: fmt.Sprint("t", i), Updates: 40, Bytes: 41, Subscribers: 42})
	}
	c.read = func() hubSnapshot { return s }
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	require.NoError(t, err)
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := strings.TrimPrefix(f.GetName(), "intentra_hub_")
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			values[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	for name, want := range map[string]float64{
		"updates_received_total": 1, "updates_sent_total": 2, "updates_cached_total": 3, "updates_refused_total": 4, "updates_refreshed_total": 20,
		"updates_filtered_total": 5, "updates_conflated_total": 6, "updates_missed_total": 7, "slow_subscriptions_total": 8,
		"uncached_total": 9, "flooding_peers_total": 10, "panics_total": 11, "members": 12, "publishers": 13, "topics": 14,
		"subscriptions": 15, "cached_bytes": 16, "stamped_topics": 19, "drops_total bytes": 17, "requests_total excess": 18,
		"unlabelled_publishers": 1, "publisher_updates_total robot-1": 22, "publisher_updates_total robot-2": 21,
		"publisher_drops_total robot-1 updates": 32, "topic_updates_total t0": 40, "topic_bytes_total t0": 41, "topic_subscribers t0": 42,
	} {
		got, ok := values[name]
		require.True(t, ok, name)
		require.Equal(t, want, got, name)
	}
	ages := histogramOf(t, registry, "intentra_hub_update_age_seconds")
	require.EqualValues(t, 12, ages.count)
	bounds := hub.AgeBounds()
	require.Len(t, ages.below, len(bounds))
	for i, want := range []uint64{3, 3, 7, 7} {
		require.Equal(t, want, ages.below[bounds[i].Seconds()], bounds[i])
	}
	require.EqualValues(t, 7, ages.below[2.048])
	require.NotContains(t, values, "publisher_updates_total robot-3")
	require.NotContains(t, values, "topic_updates_total t1")
	require.Panics(t, func() { NewHubCollector(nil) })
	require.Panics(t, func() { NewHubCollector(h, nil) })
}
