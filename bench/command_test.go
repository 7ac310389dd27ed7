package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/bench/compare"
	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/bench/trial"
)

func TestPlotFromFile(t *testing.T) {
	out := t.TempDir()
	require.NoError(t, (&plotCommand{Out: out, From: "compare/testdata/sweep.json"}).Run(t.Context()))
	for _, name := range []string{compare.LightFile, compare.DarkFile} {
		require.FileExists(t, filepath.Join(out, name))
	}
}

// The result of a comparison is not that of a sweep.
func TestPlotFromAnotherFile(t *testing.T) {
	for _, content := range []string{`{"rows":[]}`, `{`, ``} {
		name := filepath.Join(t.TempDir(), "result.json")
		require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
		err := (&plotCommand{Out: t.TempDir(), From: name}).Run(t.Context())
		require.ErrorContains(t, err, name)
	}
}

func TestChoose(t *testing.T) {
	namesOf := func(list []contender.Contender) (all []string) {
		for _, c := range list {
			all = append(all, c.Name())
		}
		return all
	}
	var only names
	require.NoError(t, only.UnmarshalText([]byte("udp,intentra")))
	require.Equal(t, []string{"udp", "intentra"}, namesOf(choose(only, []string{"quic-go"})))
	require.Equal(t, []string{"intentra", "udp"}, namesOf(choose(names{}, []string{"udp", "intentra"})))
	require.Equal(t, namesOf(trial.Available()), namesOf(choose(names{}, nil)))
}

func TestArguments(t *testing.T) {
	for _, args := range [][]string{
		{"compare", "--json", "--rounds", "5", "--only", "udp,intentra", "--quick"},
		{"sweep", "--json", "--connections", "2"},
		{"lowrate", "--json", "--rate", "50", "--messages", "100", "--only", "intentra"},
		{"plot", "--out", "x", "--from", "compare/testdata/sweep.json"},
		{"plot", "--quick", "--only", "udp"},
	} {
		k, err := kong.New(new(commands), variables)
		require.NoError(t, err)
		_, err = k.Parse(args)
		require.NoError(t, err, "%v", args)
	}
}

// Invalid input has its own exit code, and the message names the flag in at most
// two lines.
func TestWrongInput(t *testing.T) {
	noSweep := filepath.Join(t.TempDir(), "result.json")
	require.NoError(t, os.WriteFile(noSweep, []byte(`{"rows":[]}`), 0o600))
	for _, tc := range []struct {
		args []string
		want string
	}{
		{nil, "expected one of"},
		{[]string{"comparison"}, "comparison"},
		{[]string{"compare", "--loops", "5"}, "--loops"},
		{[]string{"compare", "--rounds", "0"}, "--rounds is 0; give 1 to 1000"},
		{[]string{"compare", "--rounds", "1001"}, "--rounds is 1001"},
		{[]string{"compare", "--rounds", "many"}, "--rounds"},
		{[]string{"compare", "--senders", "0"}, "--senders is 0; give 1 to 64"},
		{[]string{"compare", "--senders", "65"}, "--senders is 65"},
		{[]string{"compare", "--only", ""}, "there are [raw intentra "},
		{[]string{"compare", "--only", "udp,"}, "there are [raw intentra "},
		{[]string{"compare", "--only", "sctp"}, `"sctp"`},
		{[]string{"lowrate", "--rate", "0"}, "--rate is 0; give 1 to 10000"},
		{[]string{"sweep", "--connections", "0"}, "--connections is 0"},
		{[]string{"sweep", "--connections", "100000000"}, "give 1 to 20000"},
		{[]string{"sweep", "--size", "11"}, "--size is 11; give 12 to 1100"},
		{[]string{"plot", "--size", "1101"}, "--size is 1101"},
		{[]string{"plot", "--from", "missing.json"}, "missing.json"},
		{[]string{"plot", "--from", noSweep, "--out", t.TempDir()}, "sweep --json"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitUsage, run(t.Context(), tc.args, &stdout, &stderr), "%v", tc.args)
		require.Contains(t, stderr.String(), tc.want)
		require.True(t, strings.HasPrefix(stderr.String(), "bench: "), stderr.String())
		require.LessOrEqual(t, strings.Count(stderr.String(), "\n"), 2, stderr.String())
		require.Empty(t, stdout.String())
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitOK, run(t.Context(), []string{"sweep", "--help"}, &stdout, &stderr))
	require.Contains(t, stdout.String(), "--connections")
	require.Empty(t, stderr.String())
}
