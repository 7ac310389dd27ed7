package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func init() { benchPatience = time.Hour }

// startBench runs a benchmark whose children are the test binary, as the command.
func startBench(t *testing.T, args ...string) *running {
	t.Helper()
	require.NoError(t, os.Setenv(asCommand, "1")) // in the environment of the children
	return start(t, nil, append([]string{"bench"}, args...)...)
}

// object decodes the last line of a command's standard output into v, and
// requires that the JSON object has the given names.
func (r *running) object(v any, names ...string) {
	r.t.Helper()
	lines := strings.Split(strings.TrimSuffix(r.stdout.String(), "\n"), "\n")
	last := []byte(lines[len(lines)-1])
	var found map[string]any
	require.NoError(r.t, json.Unmarshal(last, &found))
	for _, name := range names {
		require.Contains(r.t, found, name)
	}
	require.NoError(r.t, json.Unmarshal(last, v))
}

// pointNames are the names in the JSON of a point.
var pointNames = []string{
	"peers", "hz", "offered_pps", "sent_pps", "delivered_pps", "delivery", "offered", "skipped", "sent", "delivered",
	"latency_us", "cpu_ns_per_packet", "sender_cpu_ns_per_packet", "messages_per_datagram", "datagrams_sent_per_message", "drops", "sender_drops",
}

var latencyNames = []string{"p50", "p90", "p99", "p999", "max", "samples"}

// checkPoint requires one complete point without losses.
func checkPoint(t *testing.T, r *running, peers int, offered uint64) {
	t.Helper()
	var names struct{ Points []map[string]any }
	r.object(&names, "points", "raised_limits", "duration_s", "warmup_s", "size_bytes", "senders")
	require.Len(t, names.Points, 1)
	for _, name := range pointNames {
		require.Contains(t, names.Points[0], name)
	}
	for _, name := range latencyNames {
		require.Contains(t, names.Points[0]["latency_us"], name)
	}
	var got benchPoints
	r.object(&got)
	p := got.Points[0]
	require.Equal(t, peers, p.Peers)
	require.Equal(t, offered, p.Offered)
	require.Positive(t, p.Sent)
	require.LessOrEqual(t, p.Delivered, p.Sent)
	require.EqualValues(t, 1, p.Delivery)
	require.Positive(t, got.Limits.HandshakeRate)
	require.False(t, got.Interrupted)
}

func TestBenchEnvelope(t *testing.T) {
	t.Parallel()
	r := startBench(t, "envelope", "--peers", "4", "--hz", "50", "--duration", "200ms", "--warmup", "50ms", "--json")
	r.succeed()
	checkPoint(t, r, 4, 40)
	require.Contains(t, r.stderr.String(), "connecting: done 4/4\n")
	require.NotContains(t, r.stderr.String(), "\r", "a bar is for terminals")
}

func TestBenchFanout(t *testing.T) {
	t.Parallel()
	r := startBench(t, "fanout", "--peers", "4", "--hz", "50", "--sockets", "4", "--duration", "200ms", "--warmup", "0s", "--json")
	r.succeed()
	checkPoint(t, r, 4, 40)
}

// Without --json the command prints a table, and the raised limits.
func TestBenchTable(t *testing.T) {
	t.Parallel()
	r := startBench(t, "envelope", "--peers", "2", "--senders", "1", "--hz", "50", "--duration", "100ms", "--warmup", "0s", "--receive=one")
	r.succeed()
	out := r.stdout.String()
	for _, words := range []string{"Aggregate PPS", "Delivery", "Note", "100.000%", "stable", "Receive(ctx)", "raised limits: HandshakeRate 10000 (default 200)"} {
		require.Contains(t, out, words)
	}
	checkWidth(t, out)
}

func TestBenchLatency(t *testing.T) {
	t.Parallel()
	args := []string{"latency", "--peers", "3", "--hz", "50", "--rounds", "2", "--duration", "200ms", "--connecting", "10"}
	r := startBench(t, append(args, "--json")...)
	r.succeed()
	var names map[string]any
	r.object(&names, "peers", "hz", "size_bytes", "rounds", "duration_s", "rtt_us", "sent", "back", "plain_us", "plain_sent",
		"plain_back", "ratio_p50", "connecting", "raised_limits")
	for _, name := range latencyNames {
		require.Contains(t, names["rtt_us"], name)
		require.Contains(t, names["plain_us"], name)
	}
	for _, name := range []string{"rate", "connected", "failed", "rtt_us", "sent", "back", "ratio_p99"} {
		require.Contains(t, names["connecting"], name)
	}
	var got latencyResult
	r.object(&got)
	require.Equal(t, 2, got.Rounds)
	require.Positive(t, got.Sent)
	require.Equal(t, got.Sent, got.Back)
	require.Equal(t, got.PlainSent, got.PlainBack)
	require.Equal(t, got.Connecting.Sent, got.Connecting.Back)
	require.Positive(t, got.RatioP50)

	r = startBench(t, args...)
	r.succeed()
	for _, words := range []string{"while connecting", "while 10 others connect per second", "plain UDP", "times plain UDP's", "times that without"} {
		require.Contains(t, r.stdout.String(), words)
	}
	checkWidth(t, r.stdout.String())
}

func TestBenchHandshakes(t *testing.T) {
	t.Parallel()
	r := startBench(t, "handshakes", "--concurrency", "4", "--duration", "1s", "--json")
	r.succeed()
	var got handshakesResult
	r.object(&got, "concurrency", "dialers", "identities", "duration_s", "raised", "default", "raised_limits")
	for _, a := range []*acceptedResult{got.Raised, got.Default} {
		require.Positive(t, a.Handshakes)
		require.Equal(t, float64(a.Handshakes), a.PerSecond)
		require.Contains(t, a.Outcomes, "accepted")
	}
	var b bytes.Buffer
	require.NoError(t, got.writeTable(&b))
	require.Contains(t, b.String(), "default ")
	require.Contains(t, b.String(), "MaxHandshakesPerAddress 4096 (default 1024)")
	checkWidth(t, b.String())
}

// An interrupt ends a benchmark and its children, and the result has what was
// measured before.
func TestInterruptedBench(t *testing.T) {
	t.Parallel()
	measurements := []string{"points", "raised", "default", "rounds"}
	for _, tt := range []struct {
		args []string
		wait string
	}{
		{[]string{"envelope", "--peers", "2", "--hz", "10"}, "connecting: done"},
		{[]string{"envelope", "--peers", "1"}, "connecting: done"},
		{[]string{"envelope", "--peers", "2000"}, ""},
		{[]string{"fanout", "--peers", "2"}, "connecting: done"},
		{[]string{"latency", "--peers", "2"}, "round trips: "}, // every message that was sent is back
		{[]string{"latency", "--peers", "2", "--connecting", "5"}, "connecting: done"},
		{[]string{"handshakes", "--concurrency", "2"}, ""},
	} {
		for _, how := range []string{"--json", "--json=false"} {
			r := startBench(t, append(tt.args, "--duration", "1h", how)...)
			if tt.wait != "" {
				r.stderr.line(t, tt.wait)
			}
			r.interrupt()
			r.succeed()
			require.Contains(t, r.stderr.String(), "interrupted: incomplete measurements are left out\n")
			if how != "--json" {
				require.NotContains(t, r.stdout.String(), " us ", "an empty table")
				continue
			}
			var got map[string]any
			r.object(&got)
			require.Equal(t, true, got["interrupted"])
			for _, name := range measurements {
				require.Empty(t, got[name], name)
			}
		}
	}
}

// A child prints nothing, and ends at the end of its input.
func TestBenchChild(t *testing.T) {
	t.Parallel()
	r := start(t, strings.NewReader(""), "bench", "child")
	r.succeed()
	require.Empty(t, r.stdout.String())
	require.Empty(t, r.stderr.String())

	var stdout, stderr bytes.Buffer
	require.Equal(t, exitOK, run([]string{"bench", "--help"}, nil, &stdout, &stderr))
	require.Contains(t, stdout.String(), "handshakes")
	require.NotContains(t, stdout.String(), "child", "the command is internal")
}

// A child ignores the interrupt that a terminal sends to it and its parent: the
// parent ends it.
func TestBenchChildIgnoresInterrupts(t *testing.T) {
	t.Parallel()
	in, parent, err := os.Pipe()
	require.NoError(t, err)
	r := startProcess(t, in, nil, "bench", "child")
	require.NoError(t, in.Close())
	ask := func(id string) {
		_, err := parent.WriteString(`{"method":"Clock.Read","params":[{}],"id":` + id + "}\n")
		require.NoError(t, err)
		r.stdout.line(t, `"id":`+id)
	}
	ask("1")
	r.signal(os.Interrupt)
	ask("2")
	require.NoError(t, parent.Close())
	r.succeed()
}

func TestWrongBench(t *testing.T) {
	for _, tt := range []struct{ args, words string }{
		{"", "envelope"},
		{"envelop", "envelop"},
		{"envelope --hz 5 --ladder", "--ladder"},
		{"envelope --ladder --peers 1 --senders 2", "--senders is 2"}, // and not about --hz
		{"envelope --pears 5", "intentra bench envelope --help"},
		{"envelope --peers 0", "--peers is 0"},
		{"envelope --peers 1000000", "200000"},
		{"envelope --hz 0", "--hz is 0"},
		{"envelope --hz NaN", "--hz is NaN"},
		{"envelope --peers 100 --hz 1e9", "--hz"},
		{"envelope --size 11", "12 to 1120"},
		{"envelope --size 1121", "12 to 1120"},
		{"envelope --senders 0", "--senders is 0"},
		{"envelope --peers 2 --senders 3", "1 to 2"},
		{"envelope --duration 0s", "--duration is 0s"},
		{"envelope --warmup=-1s", "--warmup is -1s"},
		{"envelope --handler-cost=-1us", "--handler-cost"},
		{"latency --rounds 0", "--rounds is 0"},
		{"latency --connecting=-1", "--connecting is -1"},
		{"latency --duration 1ms", "--duration"},
		{"handshakes --concurrency 0", "--concurrency is 0"},
		{"handshakes --concurrency 2 --dialers 3", "--dialers is 3"},
		{"fanout --sockets 1 --processes 2", "--sockets is 1"},
		{"fanout --peers 3 --sockets 4", "2 to 3"},
		{"fanout --hz=-1", "--hz is -1"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			args := append([]string{"bench"}, strings.Fields(tt.args)...)
			require.Equal(t, exitUsage, run(args, strings.NewReader(""), &stdout, &stderr), stderr.String())
			require.Empty(t, stdout.String())
			require.Contains(t, stderr.String(), tt.words)
		})
	}
}

// A message of the largest size fits into a datagram.
func TestLargestBenchMessage(t *testing.T) {
	t.Parallel()
	r := startBench(t, "envelope", "--peers", "1", "--hz", "50", "--size", "1120", "--duration", "100ms", "--warmup", "0s", "--json")
	r.succeed()
	checkPoint(t, r, 1, 5)
}

// Without the flag there are no more processes than units of work.
func TestProcesses(t *testing.T) {
	require.Equal(t, 2, processes(nil, 2000))
	require.Equal(t, 1, processes(nil, 1))
	require.Equal(t, 1, processes(nil, 0), "invalid for other reasons")
	three := 3
	require.Equal(t, 3, processes(&three, 2))
	require.NoError(t, (&benchFanoutCmd{Peers: 1, Hz: 1, Size: 100, benchFlags: benchFlags{Duration: time.Second}}).check())
	require.NoError(t, (&benchHandshakesCmd{Concurrency: 1, benchFlags: benchFlags{Duration: time.Second}}).check())
}

func TestMedian(t *testing.T) {
	require.Zero(t, median(nil))
	require.EqualValues(t, 3, median([]float64{9, 3, 1}))
	require.EqualValues(t, 2.5, median([]float64{4, 1, 2, 3}))
}
