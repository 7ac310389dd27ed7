package policy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

var (
	markdownLink   = regexp.MustCompile(`\]\(([^)#:\s]*)#([^)\s]+)\)`)
	linkText       = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	tableSeparator = regexp.MustCompile(`^\|[ :|-]+\|$`)
)

// A link to a section of a document leads to a heading.
func TestDocumentsLinkToExistingSections(t *testing.T) {
	checked := 0
	for name, lines := range markdown(t) {
		for _, m := range markdownLink.FindAllStringSubmatch(strings.Join(lines, "\n"), -1) {
			target := name
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(name), m[1])
			}
			if filepath.Ext(target) != ".md" {
				continue
			}
			require.Contains(t, anchors(t, target), m[2], "%s links to %s#%s, which is no heading", name, m[1], m[2])
			checked++
		}
	}
	require.Greater(t, checked, 10)
}

// Every row of a table is shown in one: a blank line would end the table.
func TestTablesAreWhole(t *testing.T) {
	tables := 0
	for name, lines := range markdown(t) {
		for i, l := range lines {
			if !strings.HasPrefix(l, "|") || i > 0 && strings.HasPrefix(lines[i-1], "|") {
				continue
			}
			require.True(t, i+1 < len(lines) && tableSeparator.MatchString(lines[i+1]),
				"%s:%d is a row without a table; is there a blank line before it?", name, i+1)
			tables++
		}
	}
	require.Greater(t, tables, 10)
}

// markdown returns the lines of all documents, without those of code blocks.
func markdown(t *testing.T) map[string][]string {
	t.Helper()
	texts := map[string][]string{}
	for _, pattern := range []string{"*.md", "*/*.md"} {
		names, err := filepath.Glob(filepath.Join(moduleRoot, pattern))
		require.NoError(t, err)
		for _, name := range names {
			texts[name] = withoutCode(t, name)
		}
	}
	return texts
}

// withoutCode returns the lines of a document, of which those of code blocks are empty.
func withoutCode(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	lines, code := strings.Split(string(text), "\n"), false
	for i, l := range lines {
		fence := strings.HasPrefix(l, "```")
		if code || fence {
			lines[i] = ""
		}
		code = code != fence
	}
	return lines
}

// anchors returns what a link may name after #: the headings of a document, as GitHub
// spells them.
func anchors(t *testing.T, name string) (all []string) {
	t.Helper()
	for _, l := range withoutCode(t, name) {
		if !strings.HasPrefix(l, "#") {
			continue
		}
		heading := linkText.ReplaceAllString(strings.TrimSpace(strings.TrimLeft(l, "#")), "$1")
		all = append(all, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, heading))
	}
	return all
}
