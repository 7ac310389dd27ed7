package swarm

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/sim/script"
)

// brief are settings for short scenarios.
var brief = Settings{Peers: 4, Time: 20 * time.Second}

// The script of each seed parses and runs to its end without an error.
func TestSeeds(t *testing.T) {
	var sent, delivered uint64
	for seed := range uint64(25) {
		lines := Generate(seed, brief)
		result, err := Run(lines, nil)
		require.NoError(t, err, "to repeat it: go run ./cmd/intentra sim --seed %d --hours %v --peers %d --trace\n%s",
			seed, brief.Time.Hours(), brief.Peers, strings.Join(lines, "\n"))
		require.Equal(t, seed, result.Seed)
		sent += result.Sent
		delivered += result.Delivered
	}
	require.Greater(t, sent, uint64(10_000))
	require.Greater(t, delivered, sent/2)
}

func TestGenerateIsOfItsSeed(t *testing.T) {
	for seed := range uint64(50) {
		lines := Generate(seed, brief)
		require.Equal(t, lines, Generate(seed, brief))
		require.NotEqual(t, lines, Generate(seed+1, brief))
		for _, s := range []Settings{{LeastPeers, LeastTime}, {MostPeers, MostTime}, {Peers: 10, Time: time.Hour}} {
			_, err := script.ParseLines(Generate(seed, s))
			require.NoError(t, err)
		}
	}
}

// All commands for faults occur within a few seeds.
func TestGenerateMakesAllKindsOfTrouble(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(100) {
		for _, l := range Generate(seed, Settings{Peers: 6, Time: time.Minute}) {
			word, _, _ := strings.Cut(l, " ")
			seen[word] = true
			for _, f := range strings.Fields(l)[1:] {
				if setting, _, ok := strings.Cut(f, "="); ok {
					seen[setting] = true
				}
			}
		}
	}
	for _, want := range []string{
		"node", "net", "dial", "load", "run", "settle", "expect", "links", "link", "partition", "heal", "kill", "restart",
		"pause", "suspend", "resume", "jump", "rebind", "slow", "record", "replay", "garbage", "close", "shutdown",
		"addaddr", "dropaddr", "name", "lookup", "local-mtu", "loss", "burst", "delay", "jitter", "dup", "reorder", "corrupt", "truncate", "rate", "cut", "count", "suite", "rekey", "drift", "token", "stamp", "ttl", "priority",
	} {
		require.True(t, seen[want], want)
	}
}

// A failing script is shrunk to what is needed to fail.
func TestShrink(t *testing.T) {
	lines := Generate(3, brief)
	end := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "settle ") })
	lines = slices.Insert(lines, end, "send n0 n1 realtime 1 x", "expect delivered n0 > 1000000", "heal")
	small, err := Shrink(lines, 300, nil)
	require.ErrorIs(t, err, script.ErrExpectation)
	require.Equal(t, []string{"seed 3", "node n0", "expect delivered n0 > 1000000"}, small)

	// A failure that needs time and a fault keeps both, and nothing else.
	lines = []string{
		"seed 1", "node a keepalive=1s", "node b", "node c", "net loss=0.1", "dial a b", "dial c b", "run 5s",
		"load a b latest 1 every=100ms", "kill b", "run 20s", "heal", "expect connected a b",
	}
	small, err = Shrink(lines, 300, nil)
	require.ErrorIs(t, err, script.ErrExpectation)
	require.Equal(t, []string{"seed 1", "node a", "node b", "expect connected a b"}, small)

	// A script that does not fail, or fails with another kind of error, is
	// returned as it is.
	small, err = Shrink(lines[:6], 300, nil)
	require.NoError(t, err)
	require.Equal(t, lines[:6], small)
	_, err = Shrink([]string{"nonsense"}, 300, nil)
	require.ErrorIs(t, err, script.ErrSyntax)
	_, err = Shrink(lines, 300, func() bool { return true })
	require.ErrorIs(t, err, script.ErrStopped)
}

// Shrink makes at most the given number of runs.
func TestShrinkTries(t *testing.T) {
	lines := append(Generate(3, brief), "expect delivered n0 > 1000000")
	s := &shrinker{tries: 5, kind: script.ErrExpectation, best: lines}
	s.removeSteps()
	require.Zero(t, s.tries)
}

// A panic is an error of its seed, which can be shrunk, and does not end the
// process.
func TestPanic(t *testing.T) {
	_, err := Run(Generate(1, brief), func() bool { panic("of the core") })
	require.ErrorIs(t, err, ErrPanic)
	require.ErrorContains(t, err, "of the core")
	require.Equal(t, ErrPanic, kind(err))
}

func TestKinds(t *testing.T) {
	for _, k := range kinds {
		require.Equal(t, k, kind(k))
	}
	require.NoError(t, kind(nil))
	require.NoError(t, kind(script.ErrStopped))
	require.Contains(t, kinds, sim.ErrGap)
}

// Only a few cells of the matrix are measured; `intentra sim --matrix` measures
// all.
func TestMatrix(t *testing.T) {
	require.Len(t, Cells(), 90)
	for _, c := range []Cell{
		{},
		{Loss: 0.01, Delay: 10 * time.Millisecond, Reorder: 0.02, Duplicate: 0.01},
		{Loss: 0.05, Delay: 100 * time.Millisecond, Reorder: 0.3, Duplicate: 0.01},
	} {
		require.Contains(t, Cells(), c)
		d, err := c.Measure(1, nil)
		require.NoError(t, err)
		require.NoError(t, d.Check())
		require.GreaterOrEqual(t, d.RealtimeSent, uint64(leastMessages))
		require.EqualValues(t, reliableCount, d.ReliableSent)
		require.Positive(t, d.ReliableTook)
	}
	require.Equal(t, 102400, Cell{Loss: 0.2}.messages())
}

func TestMatrixCheck(t *testing.T) {
	good := Delivery{Cell: Cell{Loss: 0.1}, Realtime: 904, RealtimeSent: 1000, Reliable: 5, ReliableSent: 5}
	require.NoError(t, good.Check())
	for want, spoil := range map[string]func(d *Delivery){
		"Realtime delivery is 0.9060": func(d *Delivery) { d.Realtime = 906 },
		"Realtime delivery is 0.8940": func(d *Delivery) { d.Realtime = 894 },
		"of 5 Reliable messages 4":    func(d *Delivery) { d.Reliable = 4 },
		"1 messages were delivered":   func(d *Delivery) { d.Twice = 1 },
	} {
		bad := good
		spoil(&bad)
		require.ErrorContains(t, bad.Check(), want)
	}
}

func TestFleet(t *testing.T) {
	for _, audited := range []bool{false, true} {
		w, err := Fleet{Peers: 20, Every: 100 * time.Millisecond, Audited: audited}.World(1)
		require.NoError(t, err)
		require.Len(t, w.Nodes(), 20)
		require.NoError(t, w.Run(10*time.Second))
		require.InDelta(t, 19*10*10*0.99, float64(w.Named("hub").Delivered()), 60)
	}
}
