package stages_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every stage has the shape that CONTRIBUTING.md describes.
func TestStagesHaveOneShape(t *testing.T) {
	folders, err := filepath.Glob("*/doc.go")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(folders), 8)
	for _, doc := range folders {
		folder := filepath.Dir(doc)
		t.Run(folder, func(t *testing.T) {
			requireInOrder(t, doc, "// # Purpose", "// # Threat", "// # Verdicts", "//   - ", "// # State bound", "// # Metrics")
			requireInOrder(t, filepath.Join(folder, "stage.go"),
				"// The stage's drops, in the order of Reasons", "= pipeline.DropFirst + iota",
				"type Stage struct", "= (*Stage)(nil)", "func New(", "func (s *Stage) Name() string", "func (s *Stage) Reasons() []string",
				"func (s *Stage) Process(p *pipeline.Packet) pipeline.Verdict")
			tests, err := os.ReadFile(filepath.Join(folder, "fuzz_test.go"))
			require.NoError(t, err)
			require.Contains(t, string(tests), "fuzz.Stage(f, ")
			corpus, err := filepath.Glob(filepath.Join(folder, "testdata", "fuzz", "Fuzz*Laws", "*"))
			require.NoError(t, err)
			require.NotEmpty(t, corpus, "inputs that reach the stage's verdicts")
		})
	}
}

// requireInOrder requires a file to contain the texts, one after the other.
func requireInOrder(t *testing.T, file string, texts ...string) {
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	rest := string(b)
	for _, text := range texts {
		_, after, found := strings.Cut(rest, text)
		require.True(t, found, "%s has no %q, or not in its place", file, text)
		rest = after
	}
}
