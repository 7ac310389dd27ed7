package script

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/race"
)

var update = flag.Bool("update", false, "record the output of the scripts in testdata")

// Every script in testdata runs to its end, and those that contain output have
// that output. -update records it.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			if name := filepath.Base(file); name == "slow-route.txt" || strings.HasPrefix(name, "burst-") {
				race.SkipHistory(t) // thousands of datagrams a second, or a crowd of dialers
			}
			t.Parallel()
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			s, err := Parse(strings.NewReader(string(text)))
			require.NoError(t, err)
			result, err := s.Run(Options{})
			require.NoError(t, err, "to repeat it: go run ./cmd/intentra sim --script sim/script/%s\n%s", file, result.Text)
			if !s.HasOutput() {
				runOtherSeeds(t, s, file)
				return
			}
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(result.Text), 0o644))
				return
			}
			require.Equal(t, string(text), result.Text, "go test ./sim/script -update records the output")
		})
	}
}

// runOtherSeeds runs a script with its other seeds, or with -short with a tenth
// of them. With the race detector the first has to do.
func runOtherSeeds(t *testing.T, s *Script, file string) {
	if race.Enabled {
		return
	}
	step := uint64(1)
	if testing.Short() {
		step = 10
	}
	for seed := s.Seed + step; seed <= s.LastSeed; seed += step {
		_, err := s.Run(Options{Seed: &seed, Quiet: true})
		require.NoError(t, err, "to repeat it: go run ./cmd/intentra sim --script sim/script/%s --seed %d", file, seed)
	}
}
