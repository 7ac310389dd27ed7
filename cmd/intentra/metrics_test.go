package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode, url)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body)
}

func TestMetricsAreServed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, command := range []string{"sub", "hub"} {
		r := s.listen(t, command, "--metrics", "127.0.0.1:0")
		url := strings.TrimPrefix(r.stderr.line(t, "metrics http://"), "metrics ")
		require.True(t, strings.HasSuffix(url, "/metrics"), url)
		page := get(t, url)
		for _, name := range []string{"intentra_packets_received_total", "intentra_drops_total", "go_goroutines", "process_cpu_seconds_total"} {
			require.Contains(t, page, name)
		}
		base := strings.TrimSuffix(url, "/metrics")
		require.Equal(t, "ok\n", get(t, base+"/healthz"))
		require.Contains(t, get(t, base+"/debug/pprof/"), "goroutine")
		require.NotEmpty(t, get(t, base+"/debug/pprof/goroutine"))
		r.interrupt()
		r.succeed()
		_, err := http.Get(url)
		require.Error(t, err, "the server ends with the command")
	}
}

func TestMetricsOfAConnectedSub(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	hub := s.listen(t, "hub")
	sub := start(t, nil, s.connect("sub", hub.address(), s.bob, "--metrics", "127.0.0.1:0")...)
	url := strings.TrimPrefix(sub.stderr.line(t, "metrics http://"), "metrics ")
	require.Contains(t, get(t, url), "intentra_sessions 1")
	sub.interrupt()
	sub.succeed()
}

// An address in use ends the command before it listens for peers.
func TestMetricsAddressInUse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	for _, command := range []string{"sub", "hub"} {
		r := s.listen(t, command, "--metrics", l.Addr().String())
		r.fail(exitFailure, "metrics", "in use")
		require.NotContains(t, r.stderr.String(), "listening")
	}
}
