package swarm

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite testdata/hashes.txt")

// The hash of a seed is the same on every machine. A change of the protocol, its
// timing, the simulator or the scenarios changes the hashes, and nothing else
// may; -update records them.
func TestHashesArePinned(t *testing.T) {
	const file = "testdata/hashes.txt"
	var got strings.Builder
	for seed := range uint64(8) {
		result, err := Run(Generate(seed, brief), nil)
		require.NoError(t, err)
		fmt.Fprintf(&got, "%d %s\n", seed, result.Hash)
	}
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got.String()), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got.String(), "if that was meant: go test ./internal/swarm -run Pinned -update")
}
