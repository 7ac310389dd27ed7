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

// metricsFlag is embedded in the commands that can be watched.
type metricsFlag struct {
	Metrics listenAddress `placeholder:"ADDR" help:"Serve /metrics, /healthz and /debug/pprof over HTTP on this address. Whoever reaches it can read them."`
}

// metricsServer serves what is to be watched of a transport. A nil one does
// nothing.
type metricsServer struct {
	listener net.Listener
	server   http.Server
}

// listenMetrics takes the address, so that a command fails before it has
// started anything else. It returns nil for an empty address.
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

// serve starts to answer, and prints where.
func (m *metricsServer) serve(e *environment, t *intentra.Transport) {
	if m == nil {
		return
	}
	m.server.Handler = metricsHandler(t)
	m.server.ReadHeaderTimeout = 5 * time.Second
	go func() { _ = m.server.Serve(m.listener) }() // ends with close
	fmt.Fprintf(e.stderr, "metrics http://%s/metrics\n", m.listener.Addr())
}

func (m *metricsServer) close() {
	if m == nil {
		return
	}
	_ = m.server.Close()
	_ = m.listener.Close() // if it was never served
}

func metricsHandler(t *intentra.Transport) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		metrics.NewCollector(t),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
