package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/metrics"
)

// metricsFlag is embedded in the commands that serve metrics.
type metricsFlag struct {
	Metrics listenAddress `placeholder:"ADDR" help:"Serve /metrics, /healthz and /debug/pprof over HTTP on this address. Anyone who can connect to it can read them."`
}

// metricsServer serves the metrics and profiles of a transport. The methods of a
// nil metricsServer do nothing.
type metricsServer struct {
	listener net.Listener
	server   http.Server
}

// listenMetrics opens the listener before the command starts anything else, so
// that an address in use fails early. It returns nil for an empty address.
func listenMetrics(addr listenAddress) (*metricsServer, error) {
	if addr == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", string(addr))
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return &metricsServer{listener: l}, nil
}

// serve starts to answer requests and prints the URL.
func (m *metricsServer) serve(e *environment, t *intentra.Transport, more ...prometheus.Collector) {
	if m == nil {
		return
	}
	m.server.Handler = metricsHandler(t, more)
	m.server.ReadHeaderTimeout = 5 * time.Second
	go func() { _ = m.server.Serve(m.listener) }() // ends with close
	fmt.Fprintf(e.stderr, "metrics http://%s/metrics\n", m.listener.Addr())
}

func (m *metricsServer) close() {
	if m == nil {
		return
	}
	_ = m.server.Close()
	_ = m.listener.Close() // in case serve was never called
}

func metricsHandler(t *intentra.Transport, more []prometheus.Collector) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		metrics.NewCollector(t),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	registry.MustRegister(more...)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /debug/pprof/", bodyOnly(pprof.Index))
	mux.HandleFunc("GET /debug/pprof/cmdline", bodyOnly(pprof.Cmdline))
	mux.HandleFunc("GET /debug/pprof/profile", bodyOnly(pprof.Profile))
	mux.HandleFunc("GET /debug/pprof/symbol", bodyOnly(pprof.Symbol))
	mux.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol) // go tool pprof posts addresses
	mux.HandleFunc("GET /debug/pprof/trace", bodyOnly(pprof.Trace))
	return mux
}

// bodyOnly answers HEAD without a call of h, which would profile the process for as long as for
// GET, only for the result to be discarded.
func bodyOnly(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead {
			h(w, r)
		}
	}
}
