package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/histogram"
	"github.com/intentra/intentra/internal/load"
)

func TestDemoJSON(t *testing.T) {
	t.Parallel()
	r := start(t, nil, "demo", "--peers", "5", "--rate", "50", "--duration", "1s", "--json")
	r.succeed()
	require.Empty(t, r.stderr.String(), "the live table is only for terminals")
	lines := strings.Split(strings.TrimSpace(r.stdout.String()), "\n")
	last := []byte(lines[len(lines)-1])

	var names map[string]any
	require.NoError(t, json.Unmarshal(last, &names))
	for _, name := range []string{
		"peers", "rate_hz", "size_bytes", "duration_s", "states_sent", "states_received", "deliveries_expected",
		"deliveries", "delivery", "latency_us", "drops", "corrupt", "cpu_s", "rss_bytes",
	} {
		require.Contains(t, names, name)
	}
	help := (&demoCmd{}).Help()
	for name := range names {
		require.Contains(t, help, `"`+name+`"`, "the help lists every name")
	}
	var got demoResult
	require.NoError(t, json.Unmarshal(last, &got))
	require.Equal(t, 5, got.Peers)
	require.EqualValues(t, 50, got.RateHz)
	require.Equal(t, 128, got.SizeBytes)
	require.Positive(t, got.StatesSent)
	require.LessOrEqual(t, got.StatesSent, uint64(5*50))
	require.LessOrEqual(t, got.StatesReceived, got.StatesSent)
	require.Equal(t, 4*got.StatesSent, got.DeliveriesExpected)
	require.Positive(t, got.Deliveries)
	require.LessOrEqual(t, got.Deliveries, 4*got.StatesReceived)
	require.Equal(t, float64(got.Deliveries)/float64(got.DeliveriesExpected), got.Delivery)
	require.Zero(t, got.Corrupt)
	require.Zero(t, got.Repeated)
	l := got.LatencyUs
	require.Positive(t, l.P50)
	require.LessOrEqual(t, l.P50, l.P99)
	require.LessOrEqual(t, l.P99, l.P999)
	require.LessOrEqual(t, l.P999, l.Max)
}

// A demo with few states lasts for its duration, and sends no more states than
// fall due.
func TestDemoWithFewStates(t *testing.T) {
	t.Parallel()
	for rate, asked := range map[string]uint64{
		"0.1": 1, // that of one peer
		"1.1": 4,
		"3.9": 12,
	} {
		r := start(t, nil, "demo", "--peers", "3", "--rate", rate, "--duration", "1s", "--json")
		r.succeed()
		var got demoResult
		lastLine(t, r.stdout.String(), &got)
		require.GreaterOrEqual(t, got.DurationS, 1.0, rate)
		require.Equal(t, asked, got.StatesAsked, rate)
		require.LessOrEqual(t, got.StatesSent, got.StatesAsked, rate)
	}
}

// An interrupt ends a demo early, and the result has what was measured before.
func TestInterruptedDemo(t *testing.T) {
	t.Parallel()
	r := start(t, nil, "demo", "--peers", "3", "--duration", "1h")
	r.stdout.line(t, "connecting 3/3")
	r.stdout.line(t, "1s ")
	r.interrupt()
	r.succeed()
	require.Contains(t, r.stdout.String(), "latency p99.9")
	require.Contains(t, r.stdout.String(), "corrupt, repeated  0, 0")
	checkWidth(t, r.stdout.String())
}

// A demo ends when the reader of its table goes away.
func TestDemoIntoABrokenPipe(t *testing.T) {
	t.Parallel()
	for broken, code := range map[error]int{syscall.EPIPE: exitOK, syscall.ENOSPC: exitFailure} {
		var stderr bytes.Buffer
		require.Equal(t, code, run([]string{"demo", "--peers", "2", "--duration", "1h"}, nil, brokenOutput{broken}, &stderr))
		require.Equal(t, code != exitOK, strings.Contains(stderr.String(), broken.Error()))
	}
}

func TestDemoInterruptedWhileConnecting(t *testing.T) {
	t.Parallel()
	r := start(t, nil, "demo", "--peers", "300", "--duration", "1h", "--json")
	r.interrupt()
	r.succeed()
	var got demoResult
	require.NoError(t, json.Unmarshal([]byte(r.stdout.String()), &got))
	require.Zero(t, got.StatesSent)
}

func TestCorruptDeliveryFailsTheDemo(t *testing.T) {
	require.NoError(t, new(demoResult).check())
	require.Error(t, (&demoResult{Corrupt: 1}).check())
	require.Error(t, (&demoResult{Repeated: 1}).check())
}

func TestTooManySockets(t *testing.T) {
	u, err := load.ReadUsage()
	require.NoError(t, err)
	if u.MaxFiles == 0 {
		t.Skip("this system does not report how many files may be open")
	}
	require.NoError(t, checkFiles(1))
	err = checkFiles(int(u.MaxFiles))
	require.ErrorContains(t, err, "ulimit -n")
	require.ErrorContains(t, err, "open files")
}

func TestUsageGrows(t *testing.T) {
	before, err := load.ReadUsage()
	require.NoError(t, err)
	require.Positive(t, before.RSS)
	x := uint64(1)
	for range 50_000_000 {
		x = x*6364136223846793005 + 1442695040888963407
	}
	after, err := load.ReadUsage()
	require.NoError(t, err)
	require.Greater(t, after.CPU, before.CPU, "%d", x)
}

func TestResultTable(t *testing.T) {
	var b bytes.Buffer
	r := &demoResult{Peers: 2, Drops: load.Drops{"replay/old": 3, "aead/forged": 4}}
	require.NoError(t, r.writeTable(&b))
	require.Contains(t, b.String(), "drops              7\n  aead/forged      4\n  replay/old       3\n")
}

// The tables fit a terminal of 80 columns, even with large numbers.
func TestDemoTablesFitATerminal(t *testing.T) {
	var b bytes.Buffer
	sampleOf := func(at time.Time) *sample {
		return &sample{at: at, drops: load.Drops{}, MeshCounts: load.MeshCounts{Latency: new(histogram.Histogram).Snapshot()}}
	}
	start := time.Now()
	first, last := sampleOf(start), sampleOf(start.Add(time.Hour-time.Second))
	seconds := uint64(3599)
	last.Sent, last.statesReceived, last.Delivered = 99_999_999*seconds, 99_999_999*seconds, 99_999_999_999*seconds
	var h histogram.Histogram
	h.Record(99 * time.Second)
	last.Latency = h.Snapshot()
	last.CPU, last.RSS, last.drops["aead/forged"] = 64*time.Hour, 9_999_900_000, 9_999_999
	require.NoError(t, newLiveTable(&b, 2, first).add(last))
	r := &demoResult{
		Peers: 10_000, RateHz: 0.123456, SizeBytes: 1200, DurationS: 3600, StatesAsked: 99_999_999, StatesSent: 99_999_998, StatesLate: 99_999_998,
		StatesReceived: 99_999_998, DeliveriesExpected: 1e14, Deliveries: 1e14 - 1, Delivery: 1, Drops: last.drops, CPUS: 1e5, RSSBytes: 1e10,
	}
	require.NoError(t, r.writeTable(&b))
	for line := range strings.Lines(b.String()) {
		require.Less(t, len(line)-1, 80, line)
	}
}
