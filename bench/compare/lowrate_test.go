package compare_test

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/bench/compare"
	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/bench/program"
	"github.com/intentra/intentra/bench/trial"
)

// Programs and libraries are compared with the first of their kind, in every round, and
// the tables name both figures of each.
func TestLowRate(t *testing.T) {
	receive, err := trial.Find("intentra-receive")
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	command, err := program.Build(t.Context(), t.TempDir())
	require.NoError(t, err)
	o := compare.LowRateOptions{Load: program.Load{Rate: 500, Messages: 50, Size: 128}, Rounds: 2, Self: self, Command: command}
	r, err := compare.RunLowRate(t.Context(), o, []contender.Contender{receive}, io.Discard)
	require.NoError(t, err)
	var names []string
	for i, row := range append(r.Programs, r.Libraries...) {
		names = append(names, row.Name)
		require.Len(t, row.CPU.Rounds, o.Rounds)
		require.Positive(t, row.CPU.Min)
		if i%2 == 0 {
			require.Equal(t, 1.0, row.CPURatio.Median)
		}
	}
	require.Equal(t, []string{"plain UDP", "intentra sub", "udp", "intentra-receive"}, names)
	var table bytes.Buffer
	r.Print(&table)
	require.Equal(t, 9, strings.Count(table.String(), "\n"), table.String())
	require.Contains(t, table.String(), "switches")
}
