package prose

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const moduleRoot = "../.."

// paragraph is text that is read as one: a comment without its markers, a
// string, or lines of a document up to an empty one.
type paragraph struct {
	file string
	line int
	text string
}

func TestProse(t *testing.T) {
	require.NoError(t, filepath.WalkDir(moduleRoot, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if name != moduleRoot && (base == "testdata" || base == "prose" || base[0] == '.') {
				return fs.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(moduleRoot, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if filepath.Ext(name) != ".go" && filepath.Ext(name) != ".md" {
			return nil
		}
		source, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, p := range paragraphs(t, rel, source) {
			for _, h := range hits(p.text, rules...) {
				t.Errorf("%s:%d: %s", p.file, p.line, h)
			}
		}
		return nil
	}))
}

func paragraphs(t *testing.T, name string, source []byte) []paragraph {
	if filepath.Ext(name) == ".md" {
		return inDocument(name, string(source))
	}
	return inGo(t, name, source)
}

// inDocument returns the paragraphs of Markdown outside of code: fenced blocks
// and lines indented by four spaces. List items and rows of tables are
// paragraphs of their own.
func inDocument(name, source string) (found []paragraph) {
	open, fenced := false, false
	for i, line := range strings.Split(source, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(trimmed, "```"):
			fenced, open = !fenced, false
			continue
		case fenced, trimmed == "", !open && strings.HasPrefix(line, "    "):
			open = false
			continue
		}
		begins := strings.HasPrefix(trimmed, "- ") || strings.HasPrefix(trimmed, "|") || strings.HasPrefix(trimmed, "#")
		if open && !begins {
			found[len(found)-1].text += " " + trimmed
			continue
		}
		found = append(found, paragraph{name, i + 1, strings.TrimLeft(trimmed, "-|# ")})
		open = true
	}
	return found
}

// inGo returns the comments and the strings of a Go file.
func inGo(t *testing.T, name string, source []byte) (found []paragraph) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, source, parser.ParseComments)
	require.NoError(t, err)
	for _, group := range file.Comments {
		line := fset.Position(group.Pos()).Line
		for text := range strings.SplitSeq(group.Text(), "\n\n") {
			found = append(found, paragraph{name, line, strings.Join(strings.Fields(text), " ")})
			line += strings.Count(text, "\n") + 2
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING && strings.Contains(l.Value, " ") {
			if text, err := strconv.Unquote(l.Value); err == nil {
				found = append(found, paragraph{name, fset.Position(l.Pos()).Line, strings.Join(strings.Fields(text), " ")})
			}
		}
		return true
	})
	return found
}

func TestParagraphs(t *testing.T) {
	const document = "# Title\n\nOne line\nand the next.\n- item one\n  goes on\n- item two\n\n    code\n\n```\nmore code\n```\n| a | b |\nend"
	var got []string
	for _, p := range inDocument("x.md", document) {
		got = append(got, fmt.Sprintf("%d %s", p.line, p.text))
	}
	require.Equal(t, []string{"1 Title", "3 One line and the next.", "5 item one goes on", "7 item two", "14 a | b | end"}, got)

	const source = "package p\n\n// Name is one\n// name.\n//\n// And more.\nconst Name = \"two words\" + `one`\n"
	got = nil
	for _, p := range inGo(t, "x.go", []byte(source)) {
		got = append(got, fmt.Sprintf("%d %s", p.line, p.text))
	}
	require.Equal(t, []string{"3 Name is one name.", "6 And more.", "7 two words"}, got)
}
