package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/boundhttp"
	"github.com/intentra/intentra/internal/loopback"
)

// pageOf returns the address of the page of a command.
func pageOf(t *testing.T, r *running) *url.URL {
	t.Helper()
	u, err := url.Parse(strings.TrimPrefix(r.stderr.line(t, "page http://"), "page "))
	require.NoError(t, err)
	return u
}

// status returns the code of the answer to a GET.
func status(t *testing.T, address string, change func(*http.Request)) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	change(r)
	answer, err := http.DefaultTransport.RoundTrip(r) // follows no redirects
	require.NoError(t, err)
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

// requireInStream reads what the page receives until it contains words.
func requireInStream(t *testing.T, address, words string) {
	t.Helper()
	answer, err := http.Get(address)
	require.NoError(t, err)
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if strings.Contains(lines.Text(), words) {
			return
		}
	}
	require.Fail(t, "the stream has ended", "waiting for %q: %v", words, lines.Err())
}

// On loopback the page needs no token. Names of others and pages of other origins are
// refused everywhere, also for metrics and profiles.
func TestPageOnLoopback(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.listen(t, "hub", "--http", "127.0.0.1:0")
	u := pageOf(t, r)
	require.Empty(t, u.RawQuery)
	for _, path := range []string{"/", "/main.js", "/metrics", "/healthz", "/debug/pprof/"} {
		u.Path = path
		require.Equal(t, 200, status(t, u.String(), func(*http.Request) {}), path)
		require.Equal(t, 421, status(t, u.String(), func(r *http.Request) { r.Host = "evil.example" }), path)
		require.Equal(t, 403, status(t, u.String(), func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") }), path)
		require.Equal(t, 431, status(t, u.String(), func(r *http.Request) { r.Header.Set("X", strings.Repeat("x", 2*boundhttp.MaxHeader)) }), path)
	}
	r.interrupt()
	r.succeed()
}

// Beyond this machine a token is required, for everything.
func TestPageElsewhereNeedsAToken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	secret := filepath.Join(s.dir, "token")
	writeFile(t, secret, "0123456789abcdef\n")
	for _, more := range [][]string{nil, {"--http-token", secret}} {
		r := s.listen(t, "hub", append([]string{"--http", "0.0.0.0:0"}, more...)...)
		u := pageOf(t, r)
		token := u.Query().Get("token")
		require.GreaterOrEqual(t, len(token), 16)
		require.Equal(t, more != nil, token == "0123456789abcdef")
		require.Equal(t, 303, status(t, u.String(), func(*http.Request) {}), "the address that is printed")
		u.RawQuery = ""
		for _, path := range []string{"/", "/api/stream", "/metrics", "/debug/pprof/heap"} {
			u.Path = path
			require.Equal(t, 401, status(t, u.String(), func(*http.Request) {}), path)
		}
		u.Path = "/metrics"
		require.Equal(t, 200, status(t, u.String(), func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }))
		r.interrupt()
		r.succeed()
	}
	require.NoError(t, os.Chmod(secret, 0o600))
	quiet := s.listen(t, "hub", "--http", "127.0.0.1:0", "--http-token", secret)
	quiet.address()
	require.NotContains(t, quiet.stderr.String(), "other users")
	if runtime.GOOS != "windows" {
		require.NoError(t, os.Chmod(secret, 0o644))
		r := s.listen(t, "hub", "--http", "127.0.0.1:0", "--foxglove", "127.0.0.1:0", "--http-token", secret)
		r.address()
		require.Equal(t, 1, strings.Count(r.stderr.String(), "other users can read the token in "+secret))
	}
	writeFile(t, secret, "short\n")
	s.listen(t, "hub", "--http", "127.0.0.1:0", "--http-token", secret).fail(exitUsage, "shorter than 16")
	s.listen(t, "hub", "--http", "127.0.0.1:0", "--http-token", filepath.Join(s.dir, "none")).fail(exitUsage, "token")
	s.listen(t, "hub", "--http-token", secret).fail(exitUsage, "need --http")
	require.NoError(t, os.Remove(secret))
}

// Of 1,000 connections that send nothing, the server keeps at most the limit, and answers
// again once they are gone.
func TestPageLimitsConnections(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.listen(t, "hub", "--http", "127.0.0.1:0")
	u := pageOf(t, r)
	var all []net.Conn
	for range 1000 {
		c, err := net.Dial("tcp", u.Host)
		require.NoError(t, err)
		all = append(all, c)
	}
	// The server has accepted a connection, or closed it, before it accepts the next one, so
	// those at the end are closed.
	require.NoError(t, all[999].SetReadDeadline(time.Now().Add(patience)))
	_, err := bufio.NewReader(all[999]).ReadByte()
	require.ErrorIs(t, err, io.EOF)
	for _, c := range all {
		_ = c.Close()
	}
	loopback.Eventually(t, t.Context(), "the page answers again", func() bool {
		answer, err := http.Get(u.String())
		return err == nil && answer.Body.Close() == nil && answer.StatusCode == 200
	})
	r.interrupt()
	r.succeed()
}
