package policy

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// documents returns the Markdown files in the root of the module and in docs.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		names, err := filepath.Glob(filepath.Join(moduleRoot, pattern))
		require.NoError(t, err)
		for _, name := range names {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			texts[filepath.Base(name)] = string(text)
		}
	}
	require.Greater(t, len(texts), 5)
	return texts
}

// A test that a document names exists.
func TestDocumentsNameExistingTests(t *testing.T) {
	declared := declaredTests(parseModule(t, token.NewFileSet(), parser.SkipObjectResolution))
	named := regexp.MustCompile(`\b(Test|Fuzz|Benchmark)[A-Z]\w+`)
	// Names of a user's own fuzz target, and of all threat tests.
	examples := map[string]bool{"FuzzGeofence": true, "TestThreatN": true}
	for name, text := range documents(t) {
		for _, test := range named.FindAllString(text, -1) {
			require.True(t, declared[test] || examples[test], "%s names %s, which does not exist", name, test)
		}
	}
}

// A link to a file in this repository leads to one.
func TestDocumentsLinkToExistingFiles(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	for _, pattern := range []string{"*.md", "*/*.md"} {
		names, err := filepath.Glob(filepath.Join(moduleRoot, pattern))
		require.NoError(t, err)
		for _, name := range names {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			for _, m := range link.FindAllStringSubmatch(string(text), -1) {
				_, err := os.Stat(filepath.Join(filepath.Dir(name), m[1]))
				require.NoError(t, err, "%s links to %s", name, m[1])
			}
		}
	}
}

// The table of folders in ARCHITECTURE.md names existing folders, and every
// folder directly below the root, internal and sim.
func TestArchitectureListsTheFolders(t *testing.T) {
	text := documents(t)["ARCHITECTURE.md"]
	_, table, _ := strings.Cut(text, "## Folders")
	table, _, _ = strings.Cut(table, "\n## ")
	listed := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(table, -1) {
		for _, m := range regexp.MustCompile("`([a-z/]+)/`").FindAllStringSubmatch(row[1], -1) {
			listed[m[1]] = true
			info, err := os.Stat(filepath.Join(moduleRoot, m[1]))
			require.NoError(t, err)
			require.True(t, info.IsDir())
		}
	}
	for _, pattern := range []string{"*", "internal/*"} {
		names, err := filepath.Glob(filepath.Join(moduleRoot, pattern))
		require.NoError(t, err)
		for _, name := range names {
			folder, err := filepath.Rel(moduleRoot, name)
			require.NoError(t, err)
			info, err := os.Stat(name)
			require.NoError(t, err)
			if info.IsDir() && folder != "internal" && folder != "docs" && folder != "testdata" && folder != "cmd" && folder[0] != '.' {
				require.True(t, listed[filepath.ToSlash(folder)], "ARCHITECTURE.md does not list the folder %s", folder)
			}
		}
	}
}
