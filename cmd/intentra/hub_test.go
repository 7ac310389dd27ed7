package main

import (
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
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
				sub := start(t, nil, s.connect("sub", addr, id, "--count", "300", "--timeout", "20s")...)
				require.Equal(t, "connected "+addr+" key "+s.server.public, sub.stderr.line(t, "connected "))
				subs = append(subs, sub)
			}
			hub.stderr.lines(t, "peer connected", 2)
			pub := start(t, strings.NewReader(text), s.connect("pub", addr, s.alice, "--intent", intent, "--channel", "7")...)
			for _, sub := range subs {
				sub.succeed()
				require.ElementsMatch(t, strings.Split(text, "\n"), strings.Split(sub.stdout.String(), "\n"))
				if intent == "reliable" {
					require.Equal(t, text, sub.stdout.String())
				}
			}
			pub.succeed()
			hub.interrupt()
			hub.succeed()
			sum := hub.summary()
			require.EqualValues(t, 300, sum.Received)
			require.EqualValues(t, 600, sum.Relayed)
			require.Zero(t, sum.Unmapped)
			require.Contains(t, hub.stderr.String(), "name=alice")
			require.Contains(t, hub.stderr.String(), "peer disconnected")
		})
	}
}

// SIGHUP disconnects exactly the peers that are no longer in the list; a list
// that cannot be read changes nothing.
func TestHangupRevokes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	hub := startProcess(t, nil, nil, "hub", "--listen", "127.0.0.1:0", "--key", s.server.file, "--allow", s.allow)
	addr := hub.address()
	bob := start(t, nil, s.connect("sub", addr, s.bob)...)
	carol := start(t, nil, s.connect("sub", addr, s.carol, "--count", "1")...)
	hub.stderr.lines(t, "peer connected", 2)

	writeFile(t, s.allow, s.carol.public+" carol\noops\n")
	hub.signal(syscall.SIGHUP)
	require.Contains(t, hub.stderr.line(t, "old one stays in force"), "line 2")

	writeFile(t, s.allow, s.alice.public+" alice\n"+s.carol.public+" carol\n")
	hub.signal(syscall.SIGHUP)
	require.Contains(t, hub.stderr.line(t, "allow list reloaded"), "revoked=1")
	bob.fail(exitFailure, "revoked")
	bob = start(t, nil, s.connect("sub", addr, s.bob)...)

	// Peers that are still allowed continue.
	start(t, strings.NewReader("hello\n"), s.connect("pub", addr, s.alice)...).succeed()
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
