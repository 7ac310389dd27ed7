package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/replay"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// recordTo returns the flags that record a command, and the names of the files.
func (s site) recordTo(name string) (flags []string, capture, keys string) {
	capture, keys = filepath.Join(s.dir, name+".pcapng"), filepath.Join(s.dir, name+".keys")
	return []string{"--record", capture, "--record-keys", keys}, capture, keys
}

// replayed runs intentra replay without and with --json, and returns both outputs.
func replayed(t *testing.T, code int, args ...string) (r replayResult, output string) {
	t.Helper()
	people := start(t, nil, append([]string{"replay"}, args...)...)
	require.Equal(t, code, people.wait(), "%s%s", people.stdout, people.stderr)
	machine := start(t, nil, append([]string{"replay", "--json"}, args...)...)
	require.Equal(t, code, machine.wait(), "%s", machine.stderr)
	require.NoError(t, json.Unmarshal([]byte(machine.stdout.String()), &r), "%s", machine.stdout)
	return r, people.stdout.String()
}

// The recordings of a publisher, a hub and a subscriber over loopback are each
// replayed identically.
func TestHubExchangeIsReplayed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	hubFlags, hubCapture, hubKeys := s.recordTo("hub")
	subFlags, subCapture, subKeys := s.recordTo("sub")
	pubFlags, pubCapture, pubKeys := s.recordTo("pub")
	hub := s.listen(t, "hub", hubFlags...)
	addr := hub.address()
	sub := start(t, nil, append(s.connect("sub", addr, s.bob, "--topic", "alice/*", "--count", "300", "--timeout", limit), subFlags...)...)
	sub.stderr.line(t, "connected")
	pub := start(t, strings.NewReader(numbered(300)), append(s.connect("pub", addr, s.alice, "--intent", "reliable", "--topic", "text"), pubFlags...)...)
	sub.succeed()
	pub.succeed()
	hub.interrupt()
	hub.succeed()
	for _, c := range []struct {
		capture, keys string
		delivered     int // at least: control messages are delivered as well
	}{{hubCapture, hubKeys, 300}, {subCapture, subKeys, 300}, {pubCapture, pubKeys, 0}} {
		r, output := replayed(t, exitOK, c.capture, "--keys", c.keys)
		require.True(t, r.Journal && r.Whole, output)
		require.Empty(t, r.Differences)
		require.GreaterOrEqual(t, r.Delivered, c.delivered)
		require.Positive(t, r.Received)
		require.Positive(t, r.Sent)
		require.Contains(t, output, "identical to the recording")
		require.GreaterOrEqual(t, strings.Count(output, "\n"), r.Received, "a line for each")
		info, err := os.Stat(c.keys)
		require.NoError(t, err)
		require.Empty(t, othersCan(info.Mode()))
	}
	require.Contains(t, hub.stderr.String(), "can read the recording and impersonate this side")
}

// recorded returns the recording of a subscriber that received 50 Reliable
// messages from alice.
func recorded(t *testing.T) (s site, capture, keys string) {
	s = newSite(t)
	capture, keys = s.recorded(t, "sub", "reliable", "50")
	return s, capture, keys
}

// recordedStates is recorded with 50 states, some of which a busy machine may
// lose.
func recordedStates(t *testing.T) (s site, capture, keys string) {
	s = newSite(t)
	capture, keys = s.recorded(t, "sub", "realtime", "5")
	return s, capture, keys
}

func (s site) recorded(t *testing.T, name, intent, count string) (capture, keys string) {
	flags, capture, keys := s.recordTo(name)
	sub := s.listen(t, "sub", append(flags, "--count", count, "--timeout", limit)...)
	pub := start(t, strings.NewReader(numbered(50)), s.connect("pub", sub.address(), s.alice, "--intent", intent, "--rate", "2000")...)
	sub.succeed()
	pub.wait() // may fail, if the subscriber ends first
	return capture, keys
}

// A flipped bit in a packet is reported as a difference of that packet.
func TestCorruptedCaptureDiffers(t *testing.T) {
	t.Parallel()
	s, capture, keys := recordedStates(t)
	broken, number := s.corrupted(t, capture)
	r, output := replayed(t, exitFailure, broken, "--keys", keys, "--quiet")
	require.Equal(t, 1, r.Differences["verdict"], output)
	require.Contains(t, output, "DIFFERS  packet "+number+": verdict: recorded accept")
	require.Contains(t, output, "replayed drop aead/forged")
	require.EqualValues(t, 1, r.Totals["inbound packets dropped aead/forged"])
}

// corrupted returns a copy of the capture with one bit of a packet flipped.
func (s site) corrupted(t *testing.T, capture string) (name, number string) {
	b := readFile(t, capture)
	number, data := someDataPacket(t, capture)
	require.Equal(t, 1, bytes.Count(b, data))
	b[bytes.Index(b, data)+wire.HeaderSize] ^= 1
	name = filepath.Join(s.dir, "broken.pcapng")
	require.NoError(t, os.WriteFile(name, b, 0o600))
	return name, number
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	return b
}

// A broken pipe does not change the exit code.
func TestReplayIntoABrokenPipe(t *testing.T) {
	t.Parallel()
	s, capture, keys := recordedStates(t)
	broken, _ := s.corrupted(t, capture)
	for _, flags := range [][]string{{"--keys", keys}, {"--keys", keys, "--json"}} {
		var stderr bytes.Buffer
		require.Equal(t, exitOK, run(append([]string{"replay", capture}, flags...), nil, brokenOutput{syscall.EPIPE}, &stderr))
		require.Empty(t, stderr.String())
		require.Equal(t, exitFailure, run(append([]string{"replay", broken}, flags...), nil, brokenOutput{syscall.EPIPE}, &stderr))
		require.Contains(t, stderr.String(), "the replay differs from the recording")
	}
}

// A capture with a damaged middle is reported with the position; one of which
// nothing can be replayed is wrong input.
func TestDamagedCaptureIsRefused(t *testing.T) {
	t.Parallel()
	s, capture, keys := recorded(t)
	whole := readFile(t, capture)
	name := filepath.Join(s.dir, "damaged.pcapng")
	replayOf := func(b []byte) *running {
		require.NoError(t, os.WriteFile(name, b, 0o600))
		return start(t, nil, "replay", name, "--keys", keys)
	}
	last := bytes.LastIndex(whole, []byte(`"kind":"flush"`))
	damaged := bytes.Clone(whole)
	damaged[last+8] ^= 1
	replayOf(damaged).fail(exitUsage, "after packet ", ": block ", "the file is damaged from there on, copy it again")
	r, output := replayed(t, exitUsage, name, "--keys", keys)
	require.Contains(t, r.Error, "the file is damaged from there on")
	require.Positive(t, r.Received)
	require.False(t, r.Whole)
	require.Contains(t, output, "recording, as far as it was replayed: ")
	require.Contains(t, output, "identical as far as it was replayed")
	frames, seeds := filepath.Join(s.dir, "frames.pcap"), filepath.Join(s.dir, "seeds")
	start(t, nil, "replay", name, "--keys", keys, "--frames", frames, "--fuzz-seeds", seeds).fail(exitUsage, "damaged")
	require.FileExists(t, frames, "the part before that is kept")
	require.DirExists(t, seeds)

	damaged = bytes.Clone(whole)
	damaged[last-9] ^= 1 // the enterprise number of its block
	replayOf(damaged).fail(exitUsage, "of the recording is missing before it")

	first := bytes.Index(whole, []byte(`"kind":"start"`))
	for _, cut := range []int{5, 30, first - 30, first + 100} {
		r := replayOf(whole[:cut])
		require.Equal(t, exitUsage, r.wait(), "cut to %d bytes: %s", cut, r.stderr)
		require.Contains(t, r.stderr.String(), "truncated before", "cut to %d bytes", cut)
	}
	damaged = bytes.Clone(whole)
	damaged[first+3] ^= 1
	replayOf(damaged).fail(exitUsage, "is not an entry of the recording")
	r, output = replayed(t, exitUsage, name, "--keys", keys)
	require.Contains(t, r.Error, "is not an entry of the recording")
	require.NotNil(t, r.Differences)
	require.Empty(t, output)
}

// A damaged keys file is reported with the line, and nothing is replayed.
func TestDamagedKeysAreRefused(t *testing.T) {
	t.Parallel()
	s, capture, keys := recorded(t)
	lines := strings.SplitAfter(string(readFile(t, keys)), "\n")
	at := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "random ") })
	damaged := filepath.Join(s.dir, "damaged.keys")
	writeFile(t, damaged, strings.Join(slices.Delete(slices.Clone(lines), at, at+1), ""))
	r, output := replayed(t, exitUsage, capture, "--keys", damaged)
	require.Contains(t, r.Error, fmt.Sprintf("line %d: recording: its checksum is wrong", at+1))
	require.Empty(t, output)
	start(t, nil, "replay", capture, "--keys", damaged).fail(exitUsage, "its checksum is wrong")
}

// A truncated recording is replayed as far as it goes.
func TestCutRecordingIsReplayedAsFarAsItGoes(t *testing.T) {
	t.Parallel()
	s, capture, keys := recorded(t)
	whole := readFile(t, capture)
	name := filepath.Join(s.dir, "cut.pcapng")
	require.NoError(t, os.WriteFile(name, whole[:len(whole)*2/3], 0o600))
	r, output := replayed(t, exitOK, name, "--keys", keys)
	require.False(t, r.Whole)
	require.NotNil(t, r.Differences)
	require.Contains(t, output, "identical as far as it goes")
	require.NotContains(t, output, "identical to the recording")
	again := start(t, nil, "replay", name, "--keys", keys)
	require.Equal(t, exitOK, again.wait())
	require.Contains(t, again.stderr.String(), "ends early, as if its writer had been killed")
}

// A capture without anything to judge is a failure.
func TestReplayOfNothing(t *testing.T) {
	t.Parallel()
	s, capture, keys := recorded(t)
	whole := readFile(t, capture)
	first := filepath.Join(s.dir, "first.pcapng")
	at := bytes.Index(whole, []byte(`"kind":"start"`)) - 1 - 16 // its block
	end := at + int(binary.LittleEndian.Uint32(whole[at+4:]))
	require.NoError(t, os.WriteFile(first, whole[:end], 0o600))
	empty := filepath.Join(s.dir, "empty.pcap")
	writeFile(t, empty, "\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x04\x00\x65\x00\x00\x00")
	start(t, nil, "replay", first, "--keys", keys).fail(exitFailure, "nothing was compared")
	start(t, nil, "replay", empty, "--keys", keys).fail(exitFailure, "nothing was judged: it has no datagram to or from port ")
	r, output := replayed(t, exitFailure, empty, "--keys", keys)
	require.NotNil(t, r.Differences, "an object")
	require.NotContains(t, output, "identical")
	for i, flags := range [][]string{{"--frames", filepath.Join(s.dir, "frames.pcap")}, {"--fuzz-seeds", filepath.Join(s.dir, "none")}} {
		r := start(t, nil, append([]string{"replay", empty, "--keys", keys}, flags...)...)
		require.Equal(t, exitFailure, r.wait(), i)
		require.Contains(t, r.stderr.String(), empty+": nothing was judged")
	}
}

// A plain capture of which the keys open a packet succeeds, also if another interface
// cannot be read. With the keys of another run every packet is unknown: a failure.
func TestReplayOfUnknownPackets(t *testing.T) {
	t.Parallel()
	s, capture, keys := recorded(t)
	_, otherKeys := s.recorded(t, "next", "reliable", "50")
	_, data := someDataPacket(t, capture)
	for file, opens := range map[string]bool{keys: true, otherKeys: false} {
		k, err := journal.ReadKeys(file)
		require.NoError(t, err)
		le := binary.LittleEndian
		block := func(kind uint32, body []byte) []byte {
			b := le.AppendUint32(le.AppendUint32(nil, kind), uint32(len(body)+12))
			return le.AppendUint32(append(b, body...), uint32(len(body)+12))
		}
		at := uint64(k.Origin + int64(k.Epochs[len(k.Epochs)-1].At) + 1)
		packet := udpPacket(9, k.Local.Port(), data)
		header := le.AppendUint32(le.AppendUint32(le.AppendUint32(nil, 1), uint32(at>>32)), uint32(at))
		header = le.AppendUint32(le.AppendUint32(header, uint32(len(packet))), uint32(len(packet)))
		whole := block(0x0a0d0d0a, []byte("\x4d\x3c\x2b\x1a\x01\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"))
		whole = append(whole, block(1, []byte("\x69\x00\x00\x00\x00\x00\x00\x00"))...)                                                 // IEEE 802.11
		whole = append(whole, block(1, []byte("\x65\x00\x00\x00\x00\x00\x00\x00\x09\x00\x01\x00\x09\x00\x00\x00\x00\x00\x00\x00"))...) // IP, nanoseconds
		whole = append(whole, block(6, append(header, append(packet, make([]byte, (4-len(packet)%4)%4)...)...))...)
		name := filepath.Join(s.dir, "plain.pcapng")
		require.NoError(t, os.WriteFile(name, whole, 0o600))

		code := exitFailure
		if opens {
			code = exitOK
		}
		r, output := replayed(t, code, name, "--keys", file)
		require.Equal(t, 1, r.Received, output)
		require.Equal(t, opens, r.Opened == 1)
		command := start(t, nil, "replay", name, "--keys", file)
		require.Equal(t, code, command.wait())
		require.Contains(t, command.stderr.String(), "warning: "+name+": its packets of link type 105 cannot be read")
		require.Equal(t, !opens, strings.Contains(command.stderr.String(), "none of the 1 data packets received could be opened"))
	}
}

// udpPacket returns an IPv4 packet from and to 127.0.0.1.
func udpPacket(from, to uint16, data []byte) []byte {
	packet := binary.BigEndian.AppendUint16([]byte{0x45, 0}, uint16(28+len(data)))
	packet = append(packet, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1)
	for _, v := range []uint16{from, to, uint16(8 + len(data)), 0} {
		packet = binary.BigEndian.AppendUint16(packet, v)
	}
	return append(packet, data...)
}

// A capture with truncated packets is distinguished from one of other traffic.
func TestReplayOfACutCapture(t *testing.T) {
	t.Parallel()
	s, capture, keys := recorded(t)
	local, err := journal.ReadKeys(keys)
	require.NoError(t, err)
	number, data := someDataPacket(t, capture)
	require.NotEmpty(t, number)
	packet := udpPacket(9, local.Local.Port(), data)
	le := binary.LittleEndian
	file := append([]byte("\xd4\xc3\xb2\xa1\x02\x00\x04"), make([]byte, 13)...)
	file = append(file, 0x65, 0, 0, 0)
	file = le.AppendUint64(file, 7)
	file = le.AppendUint32(file, 40)
	file = append(le.AppendUint32(file, uint32(len(packet))), packet[:40]...)
	cut := filepath.Join(s.dir, "cut.pcap")
	require.NoError(t, os.WriteFile(cut, file, 0o600))
	start(t, nil, "replay", cut, "--keys", keys).fail(exitFailure,
		"nothing was judged: 1 packets were captured only in part; capture them whole, with tcpdump -s 0")
	r, output := replayed(t, exitFailure, cut, "--keys", keys)
	require.Equal(t, 1, r.Cut)
	require.Contains(t, output, "1 other packets, 1 of them captured only in part")
}

func TestReplayThatJudgesNothing(t *testing.T) {
	for _, tc := range []struct {
		r     replayResult
		words string // empty: something is judged
	}{
		{replayResult{Journal: true, Entries: 1}, ""},
		{replayResult{Journal: true, Received: 1}, ""},
		{replayResult{Journal: true, Other: 5}, "nothing was compared"},
		{replayResult{Received: 3, Unjudged: 2, Opened: 1}, ""},
		{replayResult{Received: 3, Unjudged: 1}, "none of the 2 data packets received could be opened"},
		{replayResult{Received: 3, Unjudged: 3, Sent: 4}, "of 3 datagrams received 3 belong to handshakes"},
		{replayResult{Sent: 4}, "of 0 datagrams received"},
		{replayResult{Other: 4}, "port 7,"},
		{replayResult{Other: 4, Cut: 3}, "3 packets were captured only in part; capture them whole, with tcpdump -s 0"},
		{replayResult{Received: 2, Unjudged: 2, Cut: 3, Other: 3}, "2 belong to handshakes, and 3 packets were captured only in part"},
	} {
		if tc.words == "" {
			require.Empty(t, tc.r.nothing(7))
		}
		require.Contains(t, tc.r.nothing(7), tc.words)
	}
}

func TestReplayOfStandardInput(t *testing.T) {
	t.Parallel()
	_, capture, keys := recorded(t)
	whole := readFile(t, capture)
	r := start(t, bytes.NewReader(whole), "replay", "-", "--keys", keys, "-q")
	require.Equal(t, exitOK, r.wait(), r.stderr.String())
	require.Contains(t, r.stdout.String(), "identical to the recording")
	start(t, strings.NewReader("text"), "replay", "-", "--keys", keys).fail(exitUsage, "not a capture")

	// An interrupt ends the replay while standard input is still open.
	for n, code := range map[int]int{0: exitFailure, len(whole) / 2: exitOK} {
		stdin, feed := io.Pipe()
		defer feed.Close()
		r := start(t, stdin, "replay", "-", "--keys", keys)
		if n > 0 {
			_, err := feed.Write(whole[:n])
			require.NoError(t, err)
			r.stdout.lines(t, " B  ", 1)
		}
		r.interrupt()
		require.Equal(t, code, r.wait(), r.stderr.String())
		if n > 0 {
			require.Contains(t, r.stdout.String(), "identical as far as it was replayed")
		}
	}
}

// A full disk is reported once.
func TestFramesToAFullDisk(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left")
	f := newFramesFile(fullDisk{full})
	o := f.Watch(replay.Options{})
	for range 10_000 {
		o.Views["replay"](replay.View{Packet: new(pipeline.Packet)})
	}
	err := f.close()
	require.ErrorIs(t, err, full)
	require.Equal(t, 1, strings.Count(err.Error(), full.Error()))
}

type fullDisk struct{ err error }

func (f fullDisk) Write([]byte) (int, error) { return 0, f.err }
func (f fullDisk) Close() error              { return nil }

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

// --stage ack prints messages in plain text, and --fuzz-seeds writes them.
func TestReplayShowsAndKeeps(t *testing.T) {
	t.Parallel()
	s, capture, keys := recorded(t)
	_, output := replayed(t, exitOK, capture, "--keys", keys, "--stage", "ack")
	require.Equal(t, 50, strings.Count(output, "reliable on channel 0"))
	require.Contains(t, output, "6c696e652030206f66203530", "line 0 of 50, in hexadecimal")

	seeds := filepath.Join(s.dir, "seeds")
	r, _ := replayed(t, exitOK, capture, "--keys", keys, "--fuzz-seeds", seeds, "-q")
	files, err := filepath.Glob(filepath.Join(seeds, "messages", "*"))
	require.NoError(t, err)
	require.Len(t, files, 50)
	require.Greater(t, r.Seeds, 52, "datagrams and frames too")
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
	_, nextKeys := s.recorded(t, "next", "reliable", "50")
	frames := filepath.Join(s.dir, "frames.pcap")
	for _, c := range []struct {
		args  []string
		words string
	}{
		{[]string{"replay", "--keys", keys}, "<capture>"},
		{[]string{"replay", capture}, "--keys"},
		{[]string{"replay", other, "--keys", keys}, "no such file"},
		{[]string{"replay", keys, "--keys", keys}, "not a capture"},
		{[]string{"replay", capture, "--keys", s.alice.file}, "not a keys file"},
		{[]string{"replay", capture, "--keys", otherKeys}, "the keys file ends before"},
		{[]string{"replay", capture, "--keys", nextKeys}, "the keys file belongs to another recording"},
		{[]string{"replay", capture, "--keys", nextKeys, "--frames", frames}, "the keys file belongs to another recording"},
		{[]string{"replay", s.dir, "--keys", keys}, "is a directory"},
		{[]string{"replay", "", "--keys", keys}, "is empty"},
		{[]string{"replay", capture, "--keys", ""}, "--keys: the file name is empty"},
		{[]string{"replay", capture, "--keys", keys, "--stage", ""}, "--stage: the stage name is empty"},
		{[]string{"replay", capture, "--keys", keys, "--fuzz-seeds", ""}, "--fuzz-seeds: the folder name is empty"},
		{[]string{"replay", capture, "--keys", keys, "--stage", "ack", "--stage", "aead"}, "--stage is given more than once"},
		{[]string{"replay", capture, "--keys", keys, "--fuzz-seeds", other, "--fuzz-seeds", other}, "--fuzz-seeds is given more than once"},
		{[]string{"replay", capture, "--keys", keys, "--frames", ""}, "--frames: the file name is empty"},
		{[]string{"replay", capture, "--keys", keys, "--frames", keys}, "file exists"},
		{[]string{"replay", capture, "--keys", keys, "--fuzz-seeds", keys}, "is a file; --fuzz-seeds needs the name of a folder"},
		{[]string{"replay", capture, "--keys", keys, "--fuzz-seeds", filepath.Join(keys, "seeds")}, "not a directory"},
		{[]string{"replay", capture, "--keys", keys, "--stage", "nope"}, "cookie ratelimit header"},
		{[]string{"sub", "--listen", "127.0.0.1:0", "--allow", "any", "--key", s.server.file, "--record", capture}, "file exists"},
		{[]string{"sub", "--listen", "127.0.0.1:0", "--allow", "any", "--key", s.server.file, "--record-keys", other}, "--record FILE"},
		{[]string{"sub", "--listen", "127.0.0.1:0", "--allow", "any", "--key", s.server.file, "--record", other, "--record-keys", other}, "same file"},
		{[]string{"sub", "--listen", "127.0.0.1:0", "--allow", "any", "--key", s.server.file, "--record", other, "--record-keys", keys}, "file exists"},
	} {
		start(t, nil, c.args...).fail(exitUsage, c.words)
	}
	require.NoFileExists(t, other)
	require.NoFileExists(t, frames)
}

// A command that fails to start leaves no recording, so that it can be repeated
// with the same file names.
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

// The recording of a killed process is replayed as far as it goes.
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
	require.Contains(t, output, "recording without an end")
	require.Contains(t, output, "identical as far as it goes")
}
