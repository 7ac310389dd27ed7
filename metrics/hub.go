package metrics

import (
	"cmp"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/intentra/intentra/hub"
)

// defaultPublishers is how many publishers have metrics unless WithPublishers says
// otherwise.
const defaultPublishers = 1000

// HubOption configures a collector of a hub.
type HubOption func(*hubCollector)

// WithPublishers limits the publishers that have metrics of their own, with the label
// publisher, to those with the smallest names. Default 1,000; zero or less means none.
func WithPublishers(limit int) HubOption {
	return func(c *hubCollector) { c.publishers = max(limit, 0) }
}

// WithTopics adds metrics of at most limit topics, those with the smallest paths, with
// the label topic. Default: none.
func WithTopics(limit int) HubOption {
	return func(c *hubCollector) { c.topics = max(limit, 0) }
}

// NewHubCollector returns a collector of the counters of h, to be registered once, next
// to that of its transport. It is safe for concurrent use. It panics if h is nil or
// zero, or an option is nil.
func NewHubCollector(h *hub.Hub, opts ...HubOption) prometheus.Collector {
	h.Stats() // panics with a text that names the mistake
	c := &hubCollector{
		read:       func() hubSnapshot { return hubSnapshot{h.Stats(), h.PublisherStats(), h.Topics()} },
		publishers: defaultPublishers,
		totals:     newHubTotals(),
		drops:      newDesc("hub_drops_total", "Updates from publishers that the hub dropped.", "reason"),
		requests:   newDesc("hub_requests_total", "Control messages from clients.", "result"),
		ages:       newDesc("hub_update_age_seconds", "Ages of updates with a stamp when the hub passed them on."),

		unlabelled:       newDesc("hub_unlabelled_publishers", "Publishers without metrics of their own, because of the limit."),
		publisherUpdates: newDesc("hub_publisher_updates_total", "Updates from a publisher.", "publisher"),
		publisherDrops:   newDesc("hub_publisher_drops_total", "Updates from a publisher that the hub dropped.", "publisher", "reason"),
		topicUpdates:     newDesc("hub_topic_updates_total", "Updates of a topic that the hub accepted.", "topic"),
		topicBytes:       newDesc("hub_topic_bytes_total", "Bytes of the updates of a topic that the hub accepted.", "topic"),
		topicSubscribers: newDesc("hub_topic_subscribers", "Subscribers of a topic.", "topic"),
	}
	for _, o := range opts {
		if o == nil {
			panic("metrics: an option of NewHubCollector is nil")
		}
		o(c)
	}
	return c
}

// hubSnapshot is the input of one collection.
type hubSnapshot struct {
	stats      hub.Stats
	publishers []hub.PublisherStats
	topics     []hub.TopicInfo
}

// hubCollector is immutable after NewHubCollector.
type hubCollector struct {
	read               func() hubSnapshot
	publishers, topics int // limits
	totals             []hubTotal

	drops, requests, ages                        *prometheus.Desc
	unlabelled, publisherUpdates, publisherDrops *prometheus.Desc
	topicUpdates, topicBytes, topicSubscribers   *prometheus.Desc
}

type hubTotal struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(hub.Stats) float64
}

func newHubTotals() []hubTotal {
	counter := func(name, help string, value func(hub.Stats) uint64) hubTotal {
		return hubTotal{newDesc(name, help), prometheus.CounterValue, func(s hub.Stats) float64 { return float64(value(s)) }}
	}
	gauge := func(name, help string, value func(hub.Stats) int) hubTotal {
		return hubTotal{newDesc(name, help), prometheus.GaugeValue, func(s hub.Stats) float64 { return float64(value(s)) }}
	}
	return []hubTotal{
		counter("hub_updates_received_total", "Updates from publishers.", func(s hub.Stats) uint64 { return s.Received }),
		counter("hub_updates_sent_total", "Updates queued to subscribers.", func(s hub.Stats) uint64 { return s.Sent }),
		counter("hub_updates_cached_total", "Values from the cache queued to new subscribers.", func(s hub.Stats) uint64 { return s.Cached }),
		counter("hub_updates_refused_total", "Updates not queued because a queue was full or the subscriber gone.", func(s hub.Stats) uint64 { return s.Refused }),
		counter("hub_updates_refreshed_total", "Newest values sent again to subscribers that may have missed them.", func(s hub.Stats) uint64 { return s.Refreshed }),
		counter("hub_updates_filtered_total", "Updates outside of the area of a subscription, or withheld by a filter.", func(s hub.Stats) uint64 { return s.Filtered }),
		counter("hub_updates_conflated_total", "Updates that the maximum rate of a subscription held back.", func(s hub.Stats) uint64 { return s.Conflated }),
		counter("hub_updates_missed_total", "Reliable updates that subscriptions missed after they had ended as slow.", func(s hub.Stats) uint64 { return s.Missed }),
		counter("hub_slow_subscriptions_total", "Subscriptions that ended because a Reliable update had no room.", func(s hub.Stats) uint64 { return s.Slow }),
		counter("hub_uncached_total", "Values not kept, or dropped, because the cache was full.", func(s hub.Stats) uint64 { return s.Uncached }),
		counter("hub_flooding_peers_total", "Peers disconnected because they did not acknowledge answers.", func(s hub.Stats) uint64 { return s.Flooded }),
		counter("hub_panics_total", "Panics in the filter of the hub.", func(s hub.Stats) uint64 { return s.Panics }),
		gauge("hub_members", "Connected peers.", func(s hub.Stats) int { return s.Members }),
		gauge("hub_publishers", "Peers that are connected or were so not long ago.", func(s hub.Stats) int { return s.Publishers }),
		gauge("hub_topics", "Topics.", func(s hub.Stats) int { return s.Topics }),
		gauge("hub_stamped_topics", "Topics whose updates carry the time at which they were made.", func(s hub.Stats) int { return s.Stamped }),
		gauge("hub_subscriptions", "Subscriptions.", func(s hub.Stats) int { return s.Subscriptions }),
		gauge("hub_cached_bytes", "Bytes of cached values.", func(s hub.Stats) int { return s.CachedBytes }),
	}
}

// Describe implements [prometheus.Collector].
func (c *hubCollector) Describe(out chan<- *prometheus.Desc) {
	for _, m := range c.totals {
		out <- m.desc
	}
	for _, d := range []*prometheus.Desc{
		c.drops, c.requests, c.ages, c.unlabelled, c.publisherUpdates, c.publisherDrops, c.topicUpdates, c.topicBytes, c.topicSubscribers,
	} {
		out <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *hubCollector) Collect(out chan<- prometheus.Metric) {
	s := c.read()
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(d *prometheus.Desc, n int, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), labels...)
	}
	for _, m := range c.totals {
		out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(s.stats))
	}
	for i, n := range s.stats.Drops {
		counter(c.drops, n, hub.DropReason(i).String())
	}
	for i, n := range s.stats.Requests {
		counter(c.requests, n, hub.RequestResult(i).String())
	}
	bounds := hub.AgeBounds()
	total, sum := agesOf(bounds, s.stats.Ages[:])
	below, n := make(map[float64]uint64, len(bounds)), uint64(0)
	for i, b := range bounds {
		n += s.stats.Ages[i]
		below[b.Seconds()] = n
	}
	out <- prometheus.MustNewConstHistogram(c.ages, total, sum, below)
	slices.SortFunc(s.publishers, func(a, b hub.PublisherStats) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Key.String(), b.Key.String()))
	})
	shown := s.publishers[:min(c.publishers, len(s.publishers))]
	gauge(c.unlabelled, len(s.publishers)-len(shown))
	for _, p := range shown {
		counter(c.publisherUpdates, p.Received, p.Name)
		for i, n := range p.Drops {
			counter(c.publisherDrops, n, p.Name, hub.DropReason(i).String())
		}
	}
	for _, t := range s.topics[:min(c.topics, len(s.topics))] {
		counter(c.topicUpdates, t.Updates, t.Path)
		counter(c.topicBytes, t.Bytes, t.Path)
		gauge(c.topicSubscribers, t.Subscribers, t.Path)
	}
}
