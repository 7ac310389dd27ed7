package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

func TestThroughHub(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, intent := range []string{"realtime", "reliable"} {
		t.Run(intent, func(t *testing.T) {
			t.Parallel()
			text := numbered(300)
			hub := s.listen(t, "hub")
			addr := hub.address()
			var subs []*running
			for _, id := range []identity{s.bob, s.carol} {
				sub := start(t, nil, s.connect("sub", addr, id, "--topic", "alice/text", "--count", "300", "--timeout", limit)...)
				require.Contains(t, sub.stderr.line(t, "connected "), "connected "+addr+" key "+s.server.public+" name ")
				subs = append(subs, sub)
			}
			pub := start(t, strings.NewReader(text), s.connect("pub", addr, s.alice, "--intent", intent, "--topic", "text")...)
			for _, sub := range subs {
				if intent == "reliable" {
					sub.succeed()
					require.Equal(t, text, sub.stdout.String())
				}
			}
			pub.succeed()
			if intent == "realtime" { // which may be lost
				for _, sub := range subs {
					sub.interrupt()
					require.Contains(t, []int{exitOK, exitFailure}, sub.wait())
				}
			}
			hub.interrupt()
			hub.succeed()
			if intent == "reliable" {
				require.EqualValues(t, 300, hub.summary().Received)
				require.EqualValues(t, 600, hub.summary().Sent)
			}
			require.Contains(t, hub.stderr.String(), "name=alice")
			require.Contains(t, hub.stderr.String(), "peer disconnected")
		})
	}
}

// A subscriber that joins late begins with the newest value, and prints who published it.
func TestCachedTopicAsJSON(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	hub := s.listen(t, "hub")
	addr := hub.address()
	early := start(t, nil, s.connect("sub", addr, s.carol, "--topic", "*/pose", "--count", "1")...)
	early.stderr.line(t, "connected ")
	pub := start(t, strings.NewReader(`{"x":1}`+"\n"), s.connect("pub", addr, s.alice, "--intent", "latest", "--topic", "pose", "--encoding", "json")...)
	early.succeed()
	pub.succeed()
	late := start(t, nil, s.connect("sub", addr, s.bob, "--topic", "*/pose", "--cached", "--count", "1", "--format", "json")...)
	late.succeed()
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(late.stdout.String()), &got))
	require.Equal(t, map[string]any{
		"path": "alice/pose", "publisher": "alice", "key": s.alice.public, "intent": "latest", "encoding": "json",
		"cached": true, "payload": `{"x":1}`,
	}, got)

	topics := start(t, nil, s.connect("topics", addr, s.bob)...)
	topics.succeed()
	require.Contains(t, topics.stdout.String(), "alice/pose latest   json")
	top := start(t, nil, s.connect("top", addr, s.bob, "--count", "2", "--interval", "200ms")...)
	top.succeed()
	require.Equal(t, 2, strings.Count(top.stdout.String(), "alice/pose (away)"))
	require.NotContains(t, top.stdout.String(), "\x1b", "plain when it is no terminal")
}

// Without --topic, both commands say that the other side is a hub.
func TestHubNamesTopicFlag(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	hub := s.listen(t, "hub")
	start(t, lineForever{}, s.connect("pub", hub.address(), s.alice, "--rate", "100")...).fail(exitFailure, "--topic NAME")
	start(t, nil, s.connect("sub", hub.address(), s.bob)...).fail(exitFailure, "--topic PATTERN")
}

func TestTopicFlags(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for want, args := range map[string][]string{
		"--topic":                     s.connect("pub", "127.0.0.1:1", s.alice, "--topic", "a//b"),
		"topic is empty":              s.connect("pub", "127.0.0.1:1", s.alice, "--topic", ""),
		"--topic: the topic is empty": s.connect("sub", "127.0.0.1:1", s.alice, "--topic", ""),
		"--channel":                   s.connect("pub", "127.0.0.1:1", s.alice, "--topic", "a", "--channel", "1"),
		"--encoding":                  s.connect("pub", "127.0.0.1:1", s.alice, "--encoding", "json"),
		"--position":                  s.connect("pub", "127.0.0.1:1", s.alice, "--topic", "a", "--position", "/x"),
		"slash":                       s.connect("pub", "127.0.0.1:1", s.alice, "--topic", "a", "--position", "x,y"),
		"before its end":              s.connect("sub", "127.0.0.1:1", s.bob, "--topic", "**/a"),
		"need --topic":                s.connect("sub", "127.0.0.1:1", s.bob, "--cached"),
		"--max-rate":                  s.connect("sub", "127.0.0.1:1", s.bob, "--topic", "a", "--max-rate=-1"),
		"not a number":                s.connect("sub", "127.0.0.1:1", s.bob, "--topic", "a", "--area", "1,2,x"),
		"lower corner":                s.connect("sub", "127.0.0.1:1", s.bob, "--topic", "a", "--area", "5,5,1,1"),
		"to a hub":                    {"sub", "--listen", ":0", "--allow", "any", "--key", s.bob.file, "--topic", "a"},
		"--interval":                  s.connect("top", "127.0.0.1:1", s.bob, "--interval", "1ms"),
		"--name":                      {"keygen", "--out", s.dir + "/new", "--name", "a/b"},
	} {
		start(t, strings.NewReader(""), args...).fail(exitUsage, want)
	}
}

// A malformed topic or area is wrong input, and no text is replaced silently.
func TestWrongTopics(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	long := strings.Repeat("x", 65)
	for _, tt := range []struct {
		want string
		args []string
	}{
		{"longer than 64 bytes", s.connect("pub", "127.0.0.1:1", s.alice, "--topic", "a/"+long)},
		{"more than 64 bytes", s.connect("sub", "127.0.0.1:1", s.bob, "--topic", long+"/**")},
		{`"a\xff" is not valid UTF-8`, s.connect("pub", "127.0.0.1:1", s.alice, "--topic", "a\xff")},
		{`"--topic=\xff" is not valid UTF-8`, s.connect("sub", "127.0.0.1:1", s.bob, "--topic=\xff")},
		{`"k\xff" is not valid UTF-8`, []string{"pubkey", "k\xff"}},
		{`"NaN" is not a number`, s.connect("sub", "127.0.0.1:1", s.bob, "--topic", "a", "--area", "NaN,1,1")},
		{`"-Inf" is not a number`, s.connect("sub", "127.0.0.1:1", s.bob, "--topic", "a", "--area=-Inf,1,1,2")},
	} {
		r := start(t, strings.NewReader(""), tt.args...)
		r.fail(exitUsage, tt.want)
		require.NotContains(t, r.stderr.String(), "received", "no summary: nothing was started")
	}
}

// Limits of the hub are checked before anything is started.
func TestHubFlags(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, gather := range []string{"1h", "1001ms", "-1ms"} {
		s.listen(t, "hub", "--gather="+gather).fail(exitUsage, "--gather is", "give a duration up to 1s")
	}
	for _, gather := range []string{"0", "1s"} {
		hub := s.listen(t, "hub", "--gather", gather)
		hub.address()
		hub.interrupt()
		hub.succeed()
	}
	s.listen(t, "hub", "--http", "127.0.0.1:0", "--http-host", "a b").fail(exitUsage, "--http-host", "not a host name")
	s.listen(t, "hub", "--foxglove-origin", "https://app.example").fail(exitUsage, "needs --foxglove")
}

// A right or a date that allows nothing is a warning, at the start and when the list is read
// again; a forgotten equals sign is an error.
func TestAccessListWarnings(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	text := s.alice.public + " alice publish=bob/pose\n" + s.bob.public + " bob until=2020-01-01\n"
	writeFile(t, s.allow, text)
	hub := startProcess(t, nil, nil, "hub", "--listen", "127.0.0.1:0", "--key", s.server.file, "--access", s.allow)
	hub.address()
	for _, want := range []string{"warning: " + s.allow + ": line 1: publish=bob/pose matches no topic", "line 2: until=2020-01-01T00:00:00Z is over"} {
		require.Contains(t, hub.stderr.String(), want)
	}
	writeFile(t, s.allow, "\n"+text)
	hub.signal(syscall.SIGHUP)
	hub.stderr.line(t, "access list reloaded")
	require.Contains(t, hub.stderr.String(), `msg="access list: line 2: publish=bob/pose`)
	writeFile(t, s.allow, s.alice.public+" alice publish\n")
	s.listen(t, "hub").fail(exitUsage, "line 1", `the word "publish"`)

	many := strings.Builder{}
	many.WriteString(s.alice.public + " alice publish=x/1")
	for i := 2; i <= maxWarnings+3; i++ {
		fmt.Fprintf(&many, ",x/%d", i)
	}
	a, err := parseAccess(strings.NewReader(many.String()))
	require.NoError(t, err)
	warnings := accessWarnings(a)
	require.Len(t, warnings, maxWarnings+1)
	require.Equal(t, "3 more such warnings", warnings[maxWarnings])
	hub.signal(syscall.SIGTERM)
	hub.succeed()
}

// A refused topic ends pub with the reason.
func TestRefusedTopic(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	writeFile(t, s.allow, s.alice.public+" alice publish=\n")
	hub := s.listen(t, "hub")
	start(t, lineForever{}, s.connect("pub", hub.address(), s.alice, "--topic", "pose")...).fail(exitFailure, "not_allowed", "access list")
}

// SIGHUP disconnects exactly the peers that are no longer in the list; a list
// that cannot be read changes nothing. The page shows both.
func TestHangupRevokes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	hub := startProcess(t, nil, nil, "hub", "--listen", "127.0.0.1:0", "--key", s.server.file, "--access", s.allow, "--http", "127.0.0.1:0")
	addr := hub.address()
	page := pageOf(t, hub)
	bob := start(t, nil, s.connect("sub", addr, s.bob, "--topic", "**")...)
	carol := start(t, nil, s.connect("sub", addr, s.carol, "--topic", "**", "--count", "1")...)
	carol.stderr.line(t, "connected")
	bob.stderr.line(t, "connected")

	writeFile(t, s.allow, s.carol.public+" carol\noops\n")
	hub.signal(syscall.SIGHUP)
	require.Contains(t, hub.stderr.line(t, "old one stays in force"), "line 2")

	writeFile(t, s.allow, s.alice.public+" alice publish=alice/*\n"+s.carol.public+" carla\n")
	hub.signal(syscall.SIGHUP)
	hub.stderr.line(t, "access list reloaded")
	for _, want := range []string{
		`msg="key removed from the access list" name=bob`, `msg="rights changed in the access list" name=alice`,
		"msg=\"key renamed in the access list\" name=carla", `msg="key revoked" name=bob`,
	} {
		require.Contains(t, hub.stderr.String(), want)
	}
	for _, event := range []string{"not reloaded, the old list stays in force", "list reloaded, 2 keys"} {
		page.Path = "/api/stream"
		requireInStream(t, page.String(), event)
	}
	bob.fail(exitFailure, "revoked")
	bob = start(t, nil, s.connect("sub", addr, s.bob, "--topic", "**")...)

	// Peers that are still allowed continue.
	start(t, strings.NewReader("hello\n"), s.connect("pub", addr, s.alice, "--intent", "reliable", "--topic", "text")...).succeed()
	carol.succeed()
	require.Equal(t, "hello\n", carol.stdout.String())
	require.Contains(t, hub.stderr.String(), "name=bob")
	bob.fail(exitFailure, "not confirmed")
	hub.signal(syscall.SIGTERM)
	hub.succeed()
}

// A publisher whose key is revoked ends with that reason.
func TestRevokedPublisher(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	sub := startProcess(t, nil, nil, "sub", "--listen", "127.0.0.1:0", "--key", s.server.file, "--allow", s.allow)
	pub := start(t, lineForever{}, s.connect("pub", sub.address(), s.alice, "--rate", "1000")...)
	sub.stdout.line(t, "x")
	writeFile(t, s.allow, s.bob.public+"\n")
	sub.signal(syscall.SIGHUP)
	pub.fail(exitFailure, "revoked")
	sub.signal(syscall.SIGTERM)
	sub.succeed()
}

type lineForever struct{}

func (lineForever) Read(b []byte) (int, error) { return copy(b, "x\n"), nil }

// With --allow any there is no list to reload.
func TestHangupWithAnyKeyAllowed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	sub := startProcess(t, nil, nil, "sub", "--listen", "127.0.0.1:0", "--key", s.server.file, "--allow", "any")
	sub.address()
	sub.signal(syscall.SIGHUP)
	sub.stderr.line(t, "any key is allowed")
	start(t, strings.NewReader("hello\n"), s.connect("pub", sub.address(), s.stranger)...).succeed()
	sub.stdout.line(t, "hello")
	sub.signal(syscall.SIGINT)
	sub.succeed()
}

func TestKeygenPrintsAccessLine(t *testing.T) {
	var out, stderr strings.Builder
	file := t.TempDir() + "/key"
	require.Equal(t, exitOK, run([]string{"keygen", "--out", file, "--name", "robot 7"}, nil, &out, &stderr), stderr.String())
	key, err := intentra.ReadPrivateKey(file)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("%s robot 7\n", key.Public()), out.String())
}
