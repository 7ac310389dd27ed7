package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// aged reads objects of sub until one has an age, which it returns with its object.
func aged(t *testing.T, lines string) (found map[string]any) {
	for line := range strings.Lines(lines) {
		var got map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &got))
		age, known := got["age_us"].(float64)
		within, bounded := got["within_us"].(float64)
		require.Equal(t, known, bounded)
		if known {
			require.GreaterOrEqual(t, age, -within)
			require.Less(t, age, float64(time.Minute.Microseconds()))
			found = got
		}
	}
	return found
}

// sub prints the age of stamped messages as JSON, from a peer and across a hub.
func TestAgeAsJSON(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	hub := s.listen(t, "hub")
	direct := s.listen(t, "sub", "--format", "json", "--count", "150", "--timeout", limit)
	across := start(t, nil, s.connect("sub", hub.address(), s.carol, "--topic", "*/x", "--format", "json", "--count", "150", "--timeout", limit)...)
	across.stderr.line(t, "connected ")
	args := []string{"--stamp", "--rate", "300", "--ttl", "10s", "--priority", "high", "--intent", "reliable"}
	one := start(t, strings.NewReader(numbered(150)), s.connect("pub", direct.address(), s.alice, append(args, "--channel", "7")...)...)
	two := start(t, strings.NewReader(numbered(150)), s.connect("pub", hub.address(), s.bob, append(args, "--topic", "x")...)...)
	direct.succeed()
	across.succeed()
	one.succeed()
	two.succeed()
	got := aged(t, direct.stdout.String())
	require.NotNil(t, got)
	delete(got, "age_us")
	delete(got, "within_us")
	delete(got, "payload")
	require.Equal(t, map[string]any{"key": s.alice.public, "channel": float64(7), "intent": "reliable"}, got)
	got = aged(t, across.stdout.String())
	require.NotNil(t, got)
	require.Equal(t, "bob/x", got["path"])
	require.NotContains(t, got, "gap")
}

// A line whose TTL ends before it is sent is counted as expired, and is no failure.
func TestExpiredLines(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	sub := s.listen(t, "sub", "--timeout", limit)
	pub := start(t, strings.NewReader(numbered(20)), s.connect("pub", sub.address(), s.alice, "--intent", "reliable", "--ttl", "1ns")...)
	pub.succeed()
	got := pub.summary()
	require.Positive(t, got.Expired)
	require.Equal(t, got.Lines, got.Acked+got.Lost+got.Superseded+got.Expired+got.Dropped)
	require.Zero(t, got.Lost)
	sub.interrupt()
	sub.succeed()
}

// Wrong values are explained, wherever they come from.
func TestMessageFlags(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	connect := func(args ...string) []string { return s.connect("pub", "127.0.0.1:1", s.alice, args...) }
	for want, args := range map[string][]string{
		"--ttl is -1s":                connect("--ttl=-1s"),
		"--ttl":                       connect("--ttl", "soon"),
		"--ttl with --topic":          connect("--ttl", "1us", "--topic", "a"),
		"low, normal, high or urgent": connect("--priority", "top"),
	} {
		start(t, strings.NewReader(""), args...).fail(exitUsage, want)
	}
	file := filepath.Join(s.dir, "pub.conf")
	require.NoError(t, os.WriteFile(file, []byte("[pub]\nttl = \"-5s\"\n"), 0o600))
	start(t, strings.NewReader(""), connect("--config", file)...).fail(exitUsage, "--ttl is -5s")
	require.NoError(t, os.WriteFile(file, []byte("[pub]\npriority = \"urgent\"\nstamp = true\nttl = \"1us\"\n"), 0o600))
	start(t, strings.NewReader(""), connect("--config", file, "--topic", "a")...).fail(exitUsage, "--ttl with --topic")
}
