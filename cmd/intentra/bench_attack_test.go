package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/load"
)

var phaseNames = []string{
	"attack", "victim", "others", "asked_per_s", "sent_per_s", "endpoint_cores", "attacker_cores", "drops", "handshakes",
	"cookies_sent", "closes", "strikes",
}

func TestBenchAttack(t *testing.T) {
	t.Parallel()
	args := []string{"attack", "--peers", "3", "--hz", "50", "--flood", "200", "--handshakes", "20", "--addresses", "2", "--duration", "300ms"}
	r := startBench(t, append(args, "--json")...)
	r.succeed()
	var names struct{ Phases []map[string]any }
	r.object(&names, "peers", "hz", "size_bytes", "addresses", "callers_behind", "duration_s", "phases", "victim_delivery_forged",
		"victim_delivery_replays", "p99_ratio_handshakes", "admitted_per_s")
	require.Len(t, names.Phases, len(attackPhases))
	for i, kind := range attackPhases {
		require.EqualValues(t, kind, names.Phases[i]["attack"])
		for _, name := range phaseNames {
			require.Contains(t, names.Phases[i], name)
		}
		for _, peers := range []string{"victim", "others"} {
			for _, name := range []string{"offered", "skipped", "sent", "delivered", "delivery", "latency_us"} {
				require.Contains(t, names.Phases[i][peers], name)
			}
		}
		if kind != load.Idle {
			for _, name := range []string{"offered", "skipped", "sent", "cpu_ns", "proved", "finals", "confirmed"} {
				require.Contains(t, names.Phases[i]["attacker"], name)
			}
		}
	}
	var got attackResult
	r.object(&got)
	for _, p := range got.Phases {
		require.EqualValues(t, 15, p.Victim.Offered)
		require.EqualValues(t, 30, p.Others.Offered)
		require.LessOrEqual(t, p.Victim.Delivered, p.Victim.Sent)
		require.LessOrEqual(t, p.Others.Delivered, p.Others.Sent)
	}
	// A busy machine may not process every packet, but drops are at most what was
	// sent.
	for i, drop := range map[int]string{1: "aead/forged", 2: "replay/replayed"} {
		p := got.Phases[i]
		require.Positive(t, p.Attack.Sent)
		require.LessOrEqual(t, p.Drops[drop], p.Attack.Sent)
	}
	require.GreaterOrEqual(t, got.Phases[3].Attack.Sent, got.Phases[3].Attack.Confirmed)
	if got.VictimForged != nil {
		require.Equal(t, got.Phases[1].Victim.Delivery, *got.VictimForged)
	}
	if got.VictimReplays != nil {
		require.Equal(t, got.Phases[2].Victim.Delivery, *got.VictimReplays)
	}

	r = startBench(t, append(args, "--no-background")...)
	r.succeed()
	require.Contains(t, r.stdout.String(), "runs behind nothing")
	for _, words := range []string{
		"first", "others", "drops: aead/forged ", "drops: replay/replayed ", "handshakes: accepted ", "at the callers: begun ",
		"row 1, forged: ", " % of the first peer's messages arrived\n  under ", "target 99 % or more under 20000/s",
		"row 32: the others' p99 is ", "target at most 2 under 2000/s", "handshakes/s admitted",
	} {
		require.Contains(t, r.stdout.String(), words)
	}
	checkWidth(t, r.stdout.String())
}

// After an interrupt the result has no figures for phases that were not measured.
func TestInterruptedAttacks(t *testing.T) {
	t.Parallel()
	r := startBench(t, "attack", "--peers", "2", "--duration", "1h", "--json")
	r.stderr.line(t, "warming up: done")
	r.interrupt()
	r.succeed()
	var got attackResult
	r.object(&got, "victim_delivery_forged", "p99_ratio_handshakes")
	require.Empty(t, got.Phases)
	require.Nil(t, got.VictimForged)
	require.Nil(t, got.RatioP99)
}

// The ratio is that to the lower idle p99, and the rate is that which was sent, not
// the intended one.
func TestAttackConclusions(t *testing.T) {
	phase := func(kind load.AttackKind, p99, delivery float64) *load.Phase {
		share := load.HonestShare{Delivery: delivery, LatencyUs: load.Latency{P99: p99}}
		return &load.Phase{Kind: kind, Others: share, Victim: share, Asked: 20_000, PerSecond: 17_000}
	}
	handshakes := phase(load.Handshakes, 300, 1)
	handshakes.Handshakes = map[string]uint64{"accepted": 400}
	r := &attackResult{Phases: []*load.Phase{
		phase(load.Idle, 200, 1), phase(load.Forged, 100, 0.5), handshakes, phase(load.Idle, 150, 1),
	}}
	r.conclude(2 * time.Second)
	require.EqualValues(t, 0.5, *r.VictimForged)
	require.Nil(t, r.VictimReplays)
	require.EqualValues(t, 2, *r.RatioP99)
	require.EqualValues(t, 200, *r.AdmittedPerSec)
	var b bytes.Buffer
	attackTable{&b}.conclusions(r)
	require.Contains(t, b.String(), "forged: 50.000 % of the first peer's messages arrived\n  under 17000 packets/s; target")
	require.NotContains(t, b.String(), "replays")
}

func TestWrongBenchAttack(t *testing.T) {
	for _, tt := range []struct{ args, words string }{
		{"--peers 1", "--peers is 1; give 2 to 2000"},
		{"--peers 2001", "2000"},
		{"--hz 0", "--hz is 0"},
		{"--hz NaN", "--hz is NaN"},
		{"--peers 2000 --hz 1001", "1 to 1000"},
		{"--size 11", "12 to 1120"},
		{"--flood 0", "--flood is 0"},
		{"--flood 1e9", "1e+06"},
		{"--handshakes=-1", "--handshakes is -1"},
		{"--handshakes 20001", "20000"},
		{"--addresses 0", "--addresses is 0"},
		{"--addresses 251", "1 to 250"},
		{"--duration 1ms", "--duration is 1ms"},
		{"--duration 25h", "24h"},
		{"--floods 5", "intentra bench attack --help"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			args := append([]string{"bench", "attack"}, strings.Fields(tt.args)...)
			require.Equal(t, exitUsage, run(args, strings.NewReader(""), &stdout, &stderr), stderr.String())
			require.Empty(t, stdout.String())
			require.Contains(t, stderr.String(), tt.words)
		})
	}
}
