package stages_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

// The diagrams in the documentation show all stages of the default chains, in order.
func TestDiagramsShowTheChains(t *testing.T) {
	r := newRig(t, nil)
	for _, file := range []string{"../README.md", "doc.go", "../pipeline/doc.go"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, diagrams(string(text), r.In), names(r.In), "%s has no diagram of the inbound chain", file)
		require.Contains(t, diagrams(string(text), r.Out), names(r.Out), "%s has no diagram of the outbound chain", file)
	}
}

// diagrams returns the stages of the chain that each line names, for the lines that name
// its first one.
func diagrams(text string, c pipeline.Chain) (all [][]string) {
	known := names(c)
	for l := range strings.Lines(text) {
		words := strings.FieldsFunc(l, func(r rune) bool { return strings.ContainsRune(" \t\n/|:,", r) })
		var shown []string
		for _, w := range words {
			if slices.Contains(known, w) {
				shown = append(shown, w)
			}
		}
		if slices.Contains(shown, known[0]) {
			all = append(all, shown)
		}
	}
	return all
}
