package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/intentra/intentra/console"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/foxglove"
)

// foxgloveFlags are embedded in the commands that serve Foxglove.
type foxgloveFlags struct {
	Foxglove       listenAddress `placeholder:"ADDR" help:"Show the topics to Foxglove on this address, read-only: a WebSocket that speaks foxglove.websocket.v1. Its clients see every payload. A token and names are required as for --http."`
	FoxgloveOrigin []string      `placeholder:"ORIGIN" help:"An origin whose pages may connect to --foxglove, such as https://app.foxglove.dev; may be repeated. Programs always may."`
}

// foxgloveServer shows a hub's topics to Foxglove. The methods of a nil foxgloveServer do
// nothing.
type foxgloveServer struct {
	webServer
	bridge *foxglove.Bridge
}

// check reports wrong input.
func (f *foxgloveFlags) check() error {
	if f.Foxglove == "" && len(f.FoxgloveOrigin) > 0 {
		return usagef("--foxglove-origin needs --foxglove")
	}
	if err := (console.Guard{Origins: f.FoxgloveOrigin}).Check(); err != nil {
		return usagef("foxglove: %w", err)
	}
	return nil
}

// open opens the listener. It returns nil without an address.
func (f *foxgloveFlags) open(page *pageFlags) (*foxgloveServer, error) {
	if f.Foxglove == "" {
		return nil, nil
	}
	s := &foxgloveServer{bridge: foxglove.New(hostName())}
	s.guard.Origins = f.FoxgloveOrigin
	if err := s.listen(page, "foxglove", f.Foxglove, nil); err != nil {
		return nil, err
	}
	return s, nil
}

// fleet returns the observer of the hub's topics, nil for a nil server.
func (s *foxgloveServer) fleet() hub.Fleet {
	if s == nil {
		return nil
	}
	return s.bridge
}

// show begins to serve the topics of a hub that has fleet as its Fleet.
func (s *foxgloveServer) show(h *hub.Hub) {
	if s == nil {
		return
	}
	s.bridge.Attach(h)
	s.server.Handler = s.guard.Handler(http.Handler(s.bridge))
	s.serve()
}

func (s *foxgloveServer) close() {
	if s == nil {
		return
	}
	s.bridge.Close() // the HTTP server knows nothing of its connections any more
	s.webServer.close()
}

// collectors returns the metrics, none for a nil server.
func (s *foxgloveServer) collectors() []prometheus.Collector {
	if s == nil {
		return nil
	}
	return []prometheus.Collector{foxgloveCollector{s.bridge}}
}

// foxgloveCollector has the counters of a bridge.
type foxgloveCollector struct{ bridge *foxglove.Bridge }

var (
	foxgloveClients       = prometheus.NewDesc("intentra_foxglove_clients", "Foxglove clients that are connected.", nil, nil)
	foxgloveSubscriptions = prometheus.NewDesc("intentra_foxglove_subscriptions", "Topics that Foxglove clients subscribe to.", nil, nil)
	foxgloveUpdates       = prometheus.NewDesc("intentra_foxglove_updates_total",
		"Updates to Foxglove clients: sent, superseded by a newer value, dropped from a full queue, or malformed.", []string{"result"}, nil)
	foxgloveRefusals = prometheus.NewDesc("intentra_foxglove_refusals_total",
		"Connections beyond the limit, clients that did not read, and requests that were answered with an error.", []string{"reason"}, nil)
)

// Describe implements [prometheus.Collector].
func (foxgloveCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{foxgloveClients, foxgloveSubscriptions, foxgloveUpdates, foxgloveRefusals} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c foxgloveCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.bridge.Stats()
	ch <- prometheus.MustNewConstMetric(foxgloveClients, prometheus.GaugeValue, float64(s.Clients))
	ch <- prometheus.MustNewConstMetric(foxgloveSubscriptions, prometheus.GaugeValue, float64(s.Subscriptions))
	counter := func(d *prometheus.Desc, label string, n uint64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), label)
	}
	counter(foxgloveUpdates, "sent", s.Sent)
	counter(foxgloveUpdates, "superseded", s.Superseded)
	counter(foxgloveUpdates, "dropped", s.Dropped)
	counter(foxgloveUpdates, "malformed", s.Malformed)
	counter(foxgloveRefusals, "clients", s.Refused)
	counter(foxgloveRefusals, "slow", s.Slow)
	counter(foxgloveRefusals, "request", s.Rejected)
}
