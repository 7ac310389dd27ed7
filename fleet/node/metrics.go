package node

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/intentra/intentra/fleet/member"
)

// collector exports the counters of a node as intentra_fleet_*.
type collector struct {
	n      *Node
	totals []total
	drops  *prometheus.Desc
	unsent *prometheus.Desc
}

type total struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*Status) float64
}

// NewCollector returns a collector of the counters of n, to be registered once, next to
// those of its hub and transport. It is safe for concurrent use. It panics if n is nil.
func NewCollector(n *Node) prometheus.Collector {
	if n == nil {
		panic("node: NewCollector of a nil Node")
	}
	c := &collector{
		n: n, drops: describe("drops_total", "Updates of other hubs that were dropped.", "reason"),
		unsent: describe("updates_unsent_total", "Updates of this hub's publishers that were not sent to other hubs.", "reason"),
	}
	counter := func(name, help string, value func(*Status) uint64) {
		c.totals = append(c.totals, total{describe(name, help), prometheus.CounterValue, func(s *Status) float64 { return float64(value(s)) }})
	}
	gauge := func(name, help string, value func(*Status) int) {
		c.totals = append(c.totals, total{describe(name, help), prometheus.GaugeValue, func(s *Status) float64 { return float64(value(s)) }})
	}
	truth := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	gauge("connected", "Whether NATS can be reached.", func(s *Status) int { return truth(s.Connected) })
	gauge("access_unreachable", "Whether the access list of the fleet cannot be reached.", func(s *Status) int { return truth(s.AccessFault != "") })
	gauge("access_age_seconds", "For how long nothing has confirmed that the access list in use is that of the fleet; 0 while it can be reached.", func(s *Status) int { return int(s.AccessAge.Seconds()) })
	gauge("claims_failing", "Whether sessions cannot be entered in the key-value store.", func(s *Status) int { return truth(s.ClaimsFault != "") })
	gauge("draining", "Whether the hub hands its peers over.", func(s *Status) int { return truth(s.Draining) })
	gauge("hubs", "Other hubs that were heard lately.", func(s *Status) int { return s.Stats.Hubs })
	gauge("publishers", "Peers of other hubs.", func(s *Status) int { return s.Publishers })
	gauge("topics", "Topics of other hubs.", func(s *Status) int { return s.Topics })
	gauge("wanted_topics", "Topics of other hubs that subscribers of this one want.", func(s *Status) int { return s.Wanted })
	gauge("exported_topics", "Topics of this hub that other hubs want.", func(s *Status) int { return s.Exported })
	counter("updates_accepted_total", "Updates of this hub's publishers that other hubs want.", func(s *Status) uint64 { return s.Accepted })
	counter("batches_sent_total", "Batches sent to other hubs.", func(s *Status) uint64 { return s.BatchesSent })
	counter("updates_sent_total", "Updates sent to other hubs, for each hub.", func(s *Status) uint64 { return s.UpdatesSent })
	counter("bytes_sent_total", "Bytes of batches sent to other hubs.", func(s *Status) uint64 { return s.BytesSent })
	counter("batches_received_total", "Batches of other hubs.", func(s *Status) uint64 { return s.Batches.Received })
	counter("batches_missing_total", "Batches that were skipped in their sequence.", func(s *Status) uint64 { return s.Batches.Missing })
	counter("batches_reordered_total", "Missing batches that came later.", func(s *Status) uint64 { return s.Batches.Reordered })
	counter("batches_duplicate_total", "Batches that came again.", func(s *Status) uint64 { return s.Batches.Duplicate })
	counter("updates_received_total", "Updates of other hubs that were distributed.", func(s *Status) uint64 { return s.Updates })
	counter("updates_missing_total", "Updates that were skipped in the sequence of their topic; those that came later are stale.", func(s *Status) uint64 { return s.Missing })
	counter("reliable_lost_total", "Reliable updates that other hubs sent and that did not come.", func(s *Status) uint64 { return s.LostReliable })
	counter("overflow_total", "Updates of this hub's publishers that the node had no room for.", func(s *Status) uint64 { return s.Overflow })
	counter("frames_unsent_total", "Frames that NATS did not take.", func(s *Status) uint64 { return s.FramesUnsent })
	counter("slow_total", "NATS messages that were dropped because the node did not keep up.", func(s *Status) uint64 { return s.Slow })
	counter("hubs_doubted_total", "Hubs of which heartbeats were missing.", func(s *Status) uint64 { return s.Doubted })
	counter("hubs_lost_total", "Hubs that have become silent.", func(s *Status) uint64 { return s.Lost })
	counter("moves_total", "Publishers that have moved from one other hub to another.", func(s *Status) uint64 { return s.Moves })
	counter("replaced_total", "Sessions that ended because their key has connected to another hub since.", func(s *Status) uint64 { return s.Replaced })
	counter("clashes_total", "Heartbeats of another hub with this one's key.", func(s *Status) uint64 { return s.Clashes })
	counter("server_errors_total", "Errors of the NATS server in this process; the log has them.", func(s *Status) uint64 { return s.ServerErrors })
	counter("snapshots_total", "Directories asked for.", func(s *Status) uint64 { return s.Snapshots })
	counter("refreshes_total", "Requests for newest values.", func(s *Status) uint64 { return s.Refreshes })
	counter("malformed_total", "Frames that could not be read.", func(s *Status) uint64 { return s.Malformed })
	counter("refused_total", "Hubs, publishers and topics left out because of a limit.", func(s *Status) uint64 { return s.Refused })
	return c
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("intentra_fleet_"+name, help, labels, nil)
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, t := range c.totals {
		out <- t.desc
	}
	out <- c.drops
	out <- c.unsent
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(out chan<- prometheus.Metric) {
	s := c.n.Status()
	for _, t := range c.totals {
		out <- prometheus.MustNewConstMetric(t.desc, t.kind, t.value(&s))
	}
	for r := range member.Reasons {
		out <- prometheus.MustNewConstMetric(c.drops, prometheus.CounterValue, float64(s.Drops[r]), r.String())
	}
	for r := range member.UnsentReasons {
		out <- prometheus.MustNewConstMetric(c.unsent, prometheus.CounterValue, float64(s.Unsent[r]), r.String())
	}
}
