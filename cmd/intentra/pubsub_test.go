package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

// numbered returns n different lines.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "line %d of %d\n", i, n)
	}
	return b.String()
}

func TestPubIntoSub(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, intent := range []string{"realtime", "reliable"} {
		for _, suite := range []string{"aesgcm", "chachapoly"} {
			t.Run(intent+" "+suite, func(t *testing.T) {
				t.Parallel()
				text := numbered(300)
				sub := s.listen(t, "sub")
				pub := start(t, strings.NewReader(text), s.connect("pub", sub.address(), s.alice, "--intent", intent, "--suite", suite)...)
				pub.succeed()
				sub.interrupt()
				sub.succeed()
				got, sent := sub.summary(), pub.summary()
				// States that a busy machine has left in the socket for too long are lost.
				if intent == "reliable" || got.Drops["read/stale"] == 0 {
					require.EqualValues(t, 300, got.Received)
					require.ElementsMatch(t, strings.Split(text, "\n"), strings.Split(sub.stdout.String(), "\n"))
					require.EqualValues(t, len(text)-300, got.Bytes)
					require.EqualValues(t, 300, sent.Acked)
				}
				if intent == "reliable" {
					require.Equal(t, text, sub.stdout.String())
				}
				require.Empty(t, pub.stdout.String())
				require.Contains(t, pub.stderr.String(), "connected "+sub.address()+" key "+s.server.public+"\n")
				require.EqualValues(t, 300, sent.Sent)
				require.Zero(t, sent.Dropped)
				require.Positive(t, sent.RTT)
			})
		}
	}
}

// All bytes except the newline are preserved, and the last line needs no newline.
func TestLinesArriveByteForByte(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	text := "\nfirst\r\n\n\x00\xff\xfe\n  spaces \t\nlast"
	sub := s.listen(t, "sub", "--count", "6", "--timeout", limit)
	pub := start(t, strings.NewReader(text), s.connect("pub", sub.address(), s.alice, "--intent", "reliable", "--channel", "4294967295")...)
	sub.succeed()
	pub.succeed()
	require.Equal(t, text+"\n", sub.stdout.String())
}

// A whole recorded trajectory, as fast as the subscriber accepts it.
func TestTrajectory(t *testing.T) {
	t.Parallel()
	const path = "../../../shared/data/fr2_desk_groundtruth.txt"
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		t.Skip("no recorded trajectory at " + path)
	}
	require.NoError(t, err)
	s := newSite(t)
	n := strings.Count(string(text), "\n")
	sub := s.listen(t, "sub", "--count", fmt.Sprint(n), "--timeout", limit)
	pub := start(t, strings.NewReader(string(text)), s.connect("pub", sub.address(), s.alice, "--intent", "reliable", "--rate", "0")...)
	sub.succeed()
	pub.succeed()
	require.True(t, string(text) == sub.stdout.String(), "the trajectory has changed on its way")
	require.EqualValues(t, n, pub.summary().Acked)
}

func TestRepeat(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	sub := s.listen(t, "sub", "--count", "9")
	pub := start(t, strings.NewReader("a\nb\nc"), s.connect("pub", sub.address(), s.alice, "--intent", "reliable", "--repeat", "3")...)
	sub.succeed()
	pub.succeed()
	require.Equal(t, strings.Repeat("a\nb\nc\n", 3), sub.stdout.String())
	require.EqualValues(t, 9, pub.summary().Lines)
}

func TestNothingToPublish(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	sub := s.listen(t, "sub")
	pub := start(t, strings.NewReader(""), s.connect("pub", sub.address(), s.alice)...)
	pub.succeed()
	require.Zero(t, pub.summary().Lines)
	sub.interrupt()
	sub.succeed()
	require.Zero(t, sub.summary().Received)
}

// The lines before a line that is too long are delivered, and nothing hangs.
func TestMessageTooLong(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	sub := s.listen(t, "sub", "--count", "2", "--timeout", limit)
	stdin, feed := io.Pipe()
	defer feed.Close()
	go func() { _, _ = feed.Write([]byte("one\ntwo\n" + strings.Repeat("x", 100_000))) }()
	pub := start(t, stdin, s.connect("pub", sub.address(), s.alice, "--intent", "reliable")...)
	pub.fail(exitFailure, "line 3 ", "limit", "bytes")
	sub.succeed()
	require.Equal(t, "one\ntwo\n", sub.stdout.String())
	require.EqualValues(t, 2, pub.summary().Acked)
}

// The longest line that is accepted fits into a message.
func TestLongestMessage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	sub := s.listen(t, "sub", "--count", "1", "--timeout", limit)
	addr := sub.address()
	probe := start(t, strings.NewReader(strings.Repeat("x", 70_000)), s.connect("pub", addr, s.bob)...)
	probe.fail(exitFailure, "the limit is ")
	var limit int
	_, after, _ := strings.Cut(probe.stderr.line(t, "the limit is "), "the limit is ")
	_, err := fmt.Sscanf(after, "%d bytes", &limit)
	require.NoError(t, err)
	text := strings.Repeat("x", limit)
	start(t, strings.NewReader(text), s.connect("pub", addr, s.alice, "--intent", "reliable", "--channel", "4294967295")...).succeed()
	sub.succeed()
	require.Equal(t, text+"\n", sub.stdout.String())
}

func TestTooFewMessages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	sub := s.listen(t, "sub", "--count", "5", "--timeout", "3s")
	start(t, strings.NewReader("a\nb\n"), s.connect("pub", sub.address(), s.alice, "--intent", "reliable")...).succeed()
	sub.fail(exitFailure, "2 of 5 messages")
	require.Equal(t, "a\nb\n", sub.stdout.String())
	require.EqualValues(t, 2, sub.summary().Received)

	unlimited := s.listen(t, "sub", "--timeout", "1ms")
	unlimited.succeed()
	require.Zero(t, unlimited.summary().Received)
}

// --count 0 and --timeout 0s mean no limit.
func TestNoLimit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	sub := s.listen(t, "sub", "--count", "0", "--timeout", "0s")
	start(t, strings.NewReader("a\nb\n"), s.connect("pub", sub.address(), s.alice, "--intent", "reliable")...).succeed()
	sub.stdout.line(t, "b")
	sub.interrupt()
	sub.succeed()
}

// A failed connection is reported with its cause, as far as that can be known.
// Each attempt takes as long as a handshake may, so they run in parallel.
func TestRefusedConnections(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	unused := loopback.Address().String()
	sub := s.listen(t, "sub")
	addr := sub.address()
	for _, tt := range []struct {
		r     *running
		words []string
	}{
		{start(t, strings.NewReader("x\n"), s.connect("pub", unused, s.alice)...), []string{unused, "no answer"}},
		{start(t, nil, s.connect("sub", unused, s.alice)...), []string{unused, "no answer"}},
		{start(t, strings.NewReader("x\n"), s.connect("pub", addr, s.stranger)...), []string{addr, "not confirmed"}},
		{start(t, strings.NewReader("x\n"), "pub", "--connect", addr, "--peer", s.stranger.public, "--key", s.alice.file), []string{addr, "another key"}},
		{start(t, nil, "sub", "--connect", addr, "--peer", s.stranger.public, "--key", s.bob.file), []string{addr, "another key"}},
	} {
		tt.r.fail(exitFailure, tt.words...)
		require.Empty(t, tt.r.stdout.String())
	}
	sub.interrupt()
	sub.succeed()
	require.Zero(t, sub.summary().Received)
}

// An interrupt before a command is connected is a failure: nothing was published, received or
// listed.
func TestInterruptedDial(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, words := range []string{"sub", "sub --topic **", "sub --retry", "pub", "pub --topic t", "topics", "top"} {
		c, err := net.ListenPacket("udp4", "127.0.0.1:0")
		require.NoError(t, err)
		defer c.Close()
		w := strings.Fields(words)
		r := start(t, strings.NewReader("x"), s.connect(w[0], c.LocalAddr().String(), s.alice, w[1:]...)...)
		_, _, err = c.ReadFrom(make([]byte, 2048))
		require.NoError(t, err)
		r.interrupt()
		r.fail(exitFailure, ": interrupted while connecting\n")
	}
}

// So is one before a hub has answered for the first time.
func TestInterruptedBeforeTheFirstAnswer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	silent := loopback.Listen(t, intentra.Config{}) // no hub, so it answers nothing
	s.server.public = silent.PublicKey().String()
	for _, words := range []string{"sub --topic **", "pub --topic t", "topics", "top"} {
		w := strings.Fields(words)
		r := start(t, strings.NewReader("x"), s.connect(w[0], silent.LocalAddr().String(), s.alice, w[1:]...)...)
		_, err := silent.Receive(t.Context()) // the hello
		require.NoError(t, err)
		r.interrupt()
		r.fail(exitFailure)
	}
}

// A subscriber that is interrupted writes the messages that it has received, and
// succeeds.
func TestInterruptedSub(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		sub := startProcess(t, nil, nil, "sub", "--listen", "127.0.0.1:0", "--key", s.server.file, "--allow", s.allow)
		start(t, strings.NewReader("a\nb\n"), s.connect("pub", sub.address(), s.alice, "--intent", "reliable")...).succeed()
		sub.stdout.line(t, "b")
		sub.signal(sig)
		sub.succeed()
		require.EqualValues(t, 2, sub.summary().Received)
		require.Equal(t, "a\nb\n", sub.stdout.String())
	}
}

// An interrupt ends a publisher that waits for input.
func TestInterruptedPub(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	sub := s.listen(t, "sub")
	stdin, feed, err := os.Pipe()
	require.NoError(t, err)
	defer feed.Close()
	pub := startProcess(t, stdin, nil, s.connect("pub", sub.address(), s.alice, "--intent", "reliable")...)
	_, err = feed.WriteString("only\n")
	require.NoError(t, err)
	sub.stdout.line(t, "only")
	pub.signal(os.Interrupt)
	pub.succeed()
	require.EqualValues(t, 1, pub.summary().Acked)
}

// A reader that closes our output early is not an error.
func TestBrokenPipe(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	out, stdout, err := os.Pipe()
	require.NoError(t, err)
	sub := startProcess(t, nil, stdout, "sub", "--listen", "127.0.0.1:0", "--key", s.server.file, "--allow", s.allow)
	require.NoError(t, stdout.Close())
	require.NoError(t, out.Close())
	start(t, strings.NewReader("x\n"), s.connect("pub", sub.address(), s.alice)...)
	sub.succeed()
	require.NotContains(t, sub.stderr.String(), "broken")
	require.EqualValues(t, 1, sub.summary().Received)
}
