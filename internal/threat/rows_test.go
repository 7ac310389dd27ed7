package threat

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEachRowHasATest compares the rows of docs/THREATMODEL.md with the files
// threatNN_..._test.go, in each of which a TestThreatNN... is expected.
func TestEachRowHasATest(t *testing.T) {
	table, err := os.ReadFile("../../docs/THREATMODEL.md")
	require.NoError(t, err)
	rows := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| (\d\d) \| `).FindAllStringSubmatch(string(table), -1) {
		rows[m[1]] = true
	}
	require.Greater(t, len(rows), 30)
	tested := map[string]bool{}
	for _, folder := range []string{".", "../../udp", "../../conn"} {
		files, err := filepath.Glob(filepath.Join(folder, "threat[0-9][0-9]_*_test.go"))
		require.NoError(t, err)
		for _, file := range files {
			row := filepath.Base(file)[len("threat"):][:2]
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			require.True(t, strings.Contains(string(source), "\nfunc TestThreat"+row), "%s has no TestThreat%s", file, row)
			tested[row] = true
		}
	}
	require.Equal(t, rows, tested)
}
