package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
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
		require.Equal(t, command == "hub", strings.Contains(page, "intentra_hub_topics 0"))
		base := strings.TrimSuffix(url, "/metrics")
		require.Equal(t, "ok\n", get(t, base+"/healthz"))
		require.Contains(t, get(t, base+"/debug/pprof/"), "goroutine")
		require.NotEmpty(t, get(t, base+"/debug/pprof/goroutine"))
		idle := idleConnection(t, strings.TrimPrefix(base, "http://"))
		r.interrupt()
		r.succeed()
		require.NoError(t, idle.SetReadDeadline(time.Now().Add(patience)))
		_, err := idle.Read(make([]byte, 1))
		require.False(t, err == nil || errors.Is(err, os.ErrDeadlineExceeded), "the server ends with the command: %v", err)
	}
}

// HEAD profiles nothing, and other methods are refused.
func TestHeadProfilesNothing(t *testing.T) {
	h := metricsHandler(loopback.Listen(t, intentra.Config{}), nil)
	for method, code := range map[string]int{http.MethodHead: 200, http.MethodPost: 405, http.MethodPut: 405} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "/debug/pprof/trace?seconds=0.001", nil))
		require.Equal(t, code, w.Code, method)
		require.Empty(t, w.Header().Get("Content-Disposition"), "%s has begun a trace", method)
	}
}

// idleConnection returns a connection whose request has been answered, and which the server keeps
// for the next one.
func idleConnection(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	_, err = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: "+addr+"\r\n\r\n")
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, "ok\n", string(body))
	return c
}

func TestMetricsOfAConnectedSub(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	hub := s.listen(t, "hub")
	sub := start(t, nil, s.connect("sub", hub.address(), s.bob, "--topic", "**", "--metrics", "127.0.0.1:0")...)
	url := strings.TrimPrefix(sub.stderr.line(t, "metrics http://"), "metrics ")
	require.Contains(t, get(t, url), "intentra_sessions 1")
	sub.stderr.line(t, "connected")
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
