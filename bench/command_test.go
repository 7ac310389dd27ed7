package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/bench/catalog"
	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/bench/figure"
)

func TestPlotFromFile(t *testing.T) {
	out := t.TempDir()
	require.NoError(t, (&plotCommand{Out: out, From: "figure/testdata/sweep.json"}).Run(t.Context()))
	for _, name := range []string{figure.DeliveryFile, figure.LatencyFile} {
		require.FileExists(t, filepath.Join(out, name))
	}
}

// The result of a comparison is no sweep.
func TestPlotFromSomethingElse(t *testing.T) {
	for _, content := range []string{`{"rows":[]}`, `{`, ``} {
		name := filepath.Join(t.TempDir(), "result.json")
		require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
		err := (&plotCommand{Out: t.TempDir(), From: name}).Run(t.Context())
		require.ErrorContains(t, err, name)
	}
}

func TestChoose(t *testing.T) {
	names := func(list []contender.Contender) (names []string) {
		for _, c := range list {
			names = append(names, c.Name())
		}
		return names
	}
	list, err := choose([]string{"udp", "intentra"}, []string{"quic-go"})
	require.NoError(t, err)
	require.Equal(t, []string{"udp", "intentra"}, names(list))
	list, err = choose(nil, []string{"udp", "intentra"})
	require.NoError(t, err)
	require.Equal(t, []string{"intentra", "udp"}, names(list))
	list, err = choose(nil, nil)
	require.NoError(t, err)
	require.Equal(t, names(catalog.Available()), names(list))
	_, err = choose([]string{"sctp"}, nil)
	require.ErrorContains(t, err, `"sctp"`)
}

func TestArguments(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string // in the error; empty for none
	}{
		{[]string{"compare", "--json", "--rounds", "5", "--only", "raw,intentra", "--quick"}, ""},
		{[]string{"sweep", "--json", "--connections", "2"}, ""},
		{[]string{"plot", "--out", "x", "--from", "figure/testdata/sweep.json"}, ""},
		{[]string{"plot", "--quick", "--only", "udp"}, ""},
		{[]string{"plot", "--from", "missing.json"}, "missing.json"},
		{[]string{"compare", "--loops", "5"}, "--loops"},
		{[]string{}, "expected one of"},
	} {
		k, err := kong.New(new(commands), variables)
		require.NoError(t, err)
		_, err = k.Parse(tc.args)
		if tc.want == "" {
			require.NoError(t, err, "%v", tc.args)
			continue
		}
		require.ErrorContains(t, err, tc.want)
	}
}

func TestCheck(t *testing.T) {
	require.NoError(t, check(1, 1, 128))
	for _, bad := range [][3]int{{0, 1, 128}, {1, 0, 128}, {1, 1, contender.MinSize - 1}, {1, 1, contender.MaxSize + 1}} {
		require.Error(t, check(bad[0], bad[1], bad[2]))
	}
}
