package compare_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/bench/compare"
)

func TestStat(t *testing.T) {
	require.Equal(t, compare.Stat{}, compare.Series{}.Stat())
	require.Equal(t, compare.Stat{Median: 4, Min: 4, Max: 4, Rounds: []float64{4}}, compare.Series{2: 4}.Stat())
	require.Equal(t, compare.Stat{Median: 2, Min: 1, Max: 9, Rounds: []float64{9, 1, 2}}, compare.Series{0: 9, 1: 1, 2: 2}.Stat())
	require.Equal(t, 3.0, compare.Series{0: 4, 1: 2}.Stat().Median)
}

// Ratios are taken between rounds, not medians, and only for rounds that both
// series have.
func TestRatioIsRoundByRound(t *testing.T) {
	a := compare.Series{0: 10, 1: 40, 2: 7, 4: 1}
	b := compare.Series{0: 5, 1: 10, 3: 1, 4: 0}
	require.Equal(t, compare.Series{0: 2, 1: 4}, compare.Ratio(a, b))
	require.Equal(t, compare.Series{0: 5, 1: 30, 4: 1}, compare.Difference(a, b))
	require.Empty(t, compare.Ratio(nil, b))
}

func TestGoals(t *testing.T) {
	require.True(t, *compare.AtLeast("", compare.Series{0: 0.8}, 0.8).Met)
	require.False(t, *compare.AtLeast("", compare.Series{0: 0.79}, 0.8).Met)
	require.True(t, *compare.AtMost("", compare.Series{0: 1.35}, 1.35).Met)
	require.False(t, *compare.AtMost("", compare.Series{0: 1.36}, 1.35).Met)
	require.Nil(t, compare.Plain("", compare.Series{0: 1}).Met)
}

func TestBookAndTables(t *testing.T) {
	raw, ours := compare.Key{Contender: "raw", Connections: 2000}, compare.Key{Contender: "intentra", Connections: 2}
	unused := compare.Key{Contender: "udp", Connections: 2}
	b := compare.NewBook([]compare.Key{raw, ours, unused})
	for round, v := range []float64{1, 0.5, 0.75} {
		b.Add(raw, compare.At(1e6, compare.FixedDelivery), round, v)
		b.Add(raw, compare.At(250e3, compare.FixedDelivery), round, 1)
		b.Add(ours, compare.Peak, round, v*2e6)
	}
	b.Add(raw, compare.Peak, 0, 4.4e6)
	b.Add(ours, compare.Memory, 2, 4096)
	last, ok := b.Last(ours, compare.Peak, 2)
	require.True(t, ok)
	require.Equal(t, 1e6, last)
	_, ok = b.Last(ours, compare.Memory, 2)
	require.False(t, ok)

	r := compare.Result{
		Machine: compare.ThisMachine(1<<20, nil), Rounds: 3, Seconds: 2, Size: 128, Senders: 2, Rows: b.Rows(),
		Goals:  []compare.Goal{compare.AtMost("CPU, ours to raw", compare.Series{0: 1.2}, 1.35)},
		Raised: map[string][]string{compare.Name("intentra", 2): {"HandshakeRate=7"}},
		Errors: []string{"round 2: no answer"},
	}
	require.Len(t, r.Rows, 2, "a contender that was not measured has no row")
	var out strings.Builder
	r.Print(&out)
	for _, want := range []string{"250,000", "1,000,000", "75.000 %", "99 %: 4,400,000", "1,500,000", "4.0", "at most 1.35", "met",
		"raised limits, intentra with 2 connections:\n  HandshakeRate=7\n", "round 2: no answer"} {
		require.Contains(t, out.String(), want)
	}
	for line := range strings.Lines(out.String()) {
		require.LessOrEqual(t, len(line), 81, line)
	}
	line, err := json.Marshal(r)
	require.NoError(t, err)
	require.NotContains(t, string(line), "\n")
	var back compare.Result
	require.NoError(t, json.Unmarshal(line, &back))
	require.Equal(t, r, withEmpty(back))
}

// withEmpty replaces the empty map that JSON does not distinguish from nil.
func withEmpty(r compare.Result) compare.Result {
	r.Notes = nil
	return r
}

func TestThisMachine(t *testing.T) {
	m := compare.ThisMachine(1<<20, nil)
	require.NotEmpty(t, m.CPU)
	require.NotEmpty(t, m.Kernel)
	require.Positive(t, m.Cores)
}
