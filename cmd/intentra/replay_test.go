package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/journal"
	"github.com/intentra/intentra/wire"
)

// recordTo returns the flags that record a command under a name, and the files.
func (s site) recordTo(name string) (flags []string, capture, keys string) {
	capture, keys = filepath.Join(s.dir, name+".pcapng"), filepath.Join(s.dir, name+".keys")
	return []string{"--record", capture, "--record-keys", keys}, capture, keys
}

// replayed runs intentra replay for people and again with --json, and returns what
// both print.
func replayed(t *testing.T, code int, args ...string) (r replayResult, output string) {
	t.Helper()
	people := start(t, nil, append([]string{"replay"}, args...)...)
	require.Equal(t, code, people.wait(), "%s%s", people.stdout, people.stderr)
	machine := start(t, nil, append([]string{"replay", "--json"}, args...)...)
	require.Equal(t, code, machine.wait(), "%s", machine.stderr)
	require.NoError(t, json.Unmarshal([]byte(machine.stdout.String()), &r), "%s", machine.stdout)
	return r, people.stdout.String()
}

// A publisher, a hub and a subscriber over loopback: each of them does again,
// packet by packet, what it did.
func TestHubExchangeIsReplayed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	hubFlags, hubCapture, hubKeys := s.recordTo("hub")
	subFlags, subCapture, subKeys := s.recordTo("sub")
	pubFlags, pubCapture, pubKeys := s.recordTo("pub")
	hub := s.listen(t, "hub", hubFlags...)
	addr := hub.address()
	sub := start(t, nil, append(s.connect("sub", addr, s.bob, "--count", "300", "--timeout", "20s"), subFlags...)...)
	hub.stderr.lines(t, "peer connected", 1)
	pub := start(t, strings.NewReader(numbered(300)), append(s.connect("pub", addr, s.alice, "--intent", "reliable"), pubFlags...)...)
	sub.succeed()
	pub.succeed()
	hub.interrupt()
	hub.succeed()
	for _, c := range []struct {
		capture, keys string
		delivered     int
	}{{hubCapture, hubKeys, 300}, {subCapture, subKeys, 300}, {pubCapture, pubKeys, 0}} {
		r, output := replayed(t, exitOK, c.capture, "--keys", c.keys)
		require.True(t, r.Journal && r.Whole, output)
		require.Empty(t, r.Differences)
		require.Equal(t, c.delivered, r.Delivered)
		require.Positive(t, r.Received)
		require.Positive(t, r.Sent)
		require.Contains(t, output, "identical to the recording")
		require.GreaterOrEqual(t, strings.Count(output, "\n"), r.Received, "a line for each")
		info, err := os.Stat(c.keys)
		require.NoError(t, err)
		require.Empty(t, othersCan(info.Mode()))
	}
	require.Contains(t, hub.stderr.String(), "can pose as this side")
}

// recorded is states of alice's to a recorded subscriber.
func recorded(t *testing.T) (s site, capture, keys string) {
	s = newSite(t)
	flags, capture, keys := s.recordTo("sub")
	sub := s.listen(t, "sub", append(flags, "--count", "50", "--timeout", "20s")...)
	pub := start(t, strings.NewReader(numbered(50)), s.connect("pub", sub.address(), s.alice, "--rate", "2000")...)
	sub.succeed()
	pub.wait() // the subscriber may have gone before it
	return s, capture, keys
}

// One bit of one packet, and that packet is what differs.
func TestCorruptedCaptureDiffers(t *testing.T) {
	t.Parallel()
	s, capture, keys := recorded(t)
	b, err := os.ReadFile(capture)
	require.NoError(t, err)
	number, data := someDataPacket(t, capture)
	require.Equal(t, 1, bytes.Count(b, data))
	at := bytes.Index(b, data)
	b[at+wire.HeaderSize] ^= 1
	broken := filepath.Join(s.dir, "broken.pcapng")
	require.NoError(t, os.WriteFile(broken, b, 0o600))
	r, output := replayed(t, exitFailure, broken, "--keys", keys, "--quiet")
	require.Equal(t, 1, r.Differences["verdict"], output)
	require.Contains(t, output, "DIFFERS  packet "+number+": verdict: recorded accept")
	require.Contains(t, output, "replayed drop aead/forged")
	require.EqualValues(t, 1, r.Totals["inbound packets dropped aead/forged"])
}

// someDataPacket returns a received packet with messages, and its number.
func someDataPacket(t *testing.T, name string) (number string, data []byte) {
	t.Helper()
	c, err := journal.Open(name)
	require.NoError(t, err)
	defer c.Close()
	for {
		it, err := c.Next()
		require.NotEqual(t, io.EOF, err)
		require.NoError(t, err)
		if e := it.Entry; e != nil && e.Kind == journal.Received && e.Outcome.Delivered > 0 {
			n, err := json.Marshal(it.Packet.Number)
			require.NoError(t, err)
			return string(n), it.Packet.Data
		}
	}
}

// --stage shows messages in plain text behind ack, and --fuzz-seeds keeps them.
func TestReplayShowsAndKeeps(t *testing.T) {
	t.Parallel()
	s, capture, keys := recorded(t)
	_, output := replayed(t, exitOK, capture, "--keys", keys, "--stage", "ack")
	require.Equal(t, 50, strings.Count(output, "realtime on channel 0"))
	require.Contains(t, output, "6c696e652030206f66203530", "line 0 of 50, in hexadecimal")

	seeds := filepath.Join(s.dir, "seeds")
	r, _ := replayed(t, exitOK, capture, "--keys", keys, "--fuzz-seeds", seeds, "-q")
	files, err := filepath.Glob(filepath.Join(seeds, "messages", "*"))
	require.NoError(t, err)
	require.Len(t, files, 50)
	require.Greater(t, r.Seeds, 60, "datagrams and frames too")
	text, err := os.ReadFile(files[0])
	require.NoError(t, err)
	require.Contains(t, string(text), "go test fuzz v1\n[]byte(\"line ")
}

func TestReplayRefuses(t *testing.T) {
	t.Parallel()
	s, capture, keys := recorded(t)
	other, otherKeys := filepath.Join(s.dir, "other.pcapng"), filepath.Join(s.dir, "other.keys")
	text, err := os.ReadFile(keys)
	require.NoError(t, err)
	writeFile(t, otherKeys, strings.SplitN(string(text), "\n", 2)[0]+"\n")
	for _, c := range []struct {
		args  []string
		words string
	}{
		{[]string{"replay", "--keys", keys}, "<capture>"},
		{[]string{"replay", capture}, "--keys"},
		{[]string{"replay", other, "--keys", keys}, "no such file"},
		{[]string{"replay", keys, "--keys", keys}, "not a capture"},
		{[]string{"replay", capture, "--keys", s.alice.file}, "not a keys file"},
		{[]string{"replay", capture, "--keys", otherKeys}, "another recording"},
		{[]string{"replay", capture, "--keys", keys, "--stage", "nope"}, "cookie ratelimit header"},
		{[]string{"sub", "--listen", "127.0.0.1:0", "--allow", "any", "--key", s.server.file, "--record", capture}, "file exists"},
		{[]string{"sub", "--listen", "127.0.0.1:0", "--allow", "any", "--key", s.server.file, "--record-keys", other}, "--record FILE"},
		{[]string{"sub", "--listen", "127.0.0.1:0", "--allow", "any", "--key", s.server.file, "--record", other, "--record-keys", other}, "same file"},
		{[]string{"sub", "--listen", "127.0.0.1:0", "--allow", "any", "--key", s.server.file, "--record", other, "--record-keys", keys}, "file exists"},
	} {
		start(t, nil, c.args...).fail(exitUsage, c.words)
	}
	require.NoFileExists(t, other)
}

// What could not begin leaves no files that would be in the way the next time.
func TestFailedStartLeavesNoRecording(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	taken := s.listen(t, "sub")
	flags, capture, keys := s.recordTo("sub")
	second := start(t, nil, append([]string{"sub", "--listen", taken.address(), "--allow", "any", "--key", s.server.file}, flags...)...)
	second.fail(exitFailure, "address already in use")
	require.NoFileExists(t, capture)
	require.NoFileExists(t, keys)
}

// A recorder that is killed leaves what it has written, and that is replayed.
func TestKilledRecordingIsReplayed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	flags, capture, keys := s.recordTo("sub")
	sub := startProcess(t, nil, nil, append([]string{"sub", "--listen", "127.0.0.1:0", "--allow", "any", "--key", s.server.file}, flags...)...)
	pub := start(t, strings.NewReader(numbered(100)), s.connect("pub", sub.address(), s.alice, "--intent", "reliable")...)
	pub.succeed()
	sub.signal(os.Kill)
	require.NotEqual(t, exitOK, sub.wait())
	r, output := replayed(t, exitOK, capture, "--keys", keys)
	require.True(t, r.Journal)
	require.False(t, r.Whole)
	require.Positive(t, r.Received, output)
	require.Contains(t, output, "recording without its end")
}
