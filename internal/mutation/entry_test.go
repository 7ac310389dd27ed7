package main

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMutationsFitTheCode fails when code that a mutation breaks has changed, so
// that the mutation is changed with it, and when its tests no longer exist.
func TestMutationsFitTheCode(t *testing.T) {
	t.Chdir("../..")
	all, err := load(os.DirFS(folder))
	require.NoError(t, err)
	sources, err := readSources(os.DirFS("."))
	require.NoError(t, err)
	programs := map[string]string{}
	for _, m := range all {
		for _, k := range m.checks {
			checkTestsExist(t, m, k)
		}
		program, err := m.program(sources)
		if err != nil {
			t.Errorf("%s.diff: %v\n(if the code has moved to another file: go run ./internal/mutation -moved)", m.name, err)
			continue
		}
		if other, ok := programs[program]; ok {
			t.Errorf("%s and %s are the same mutation", other, m.name)
		}
		programs[program] = m.name
	}
	t.Logf("%d mutations", len(all))
}

func checkTestsExist(t *testing.T, m mutation, k check) {
	names := testNames(t, k.pkg)
	for _, p := range strings.Split(k.pattern, "|") {
		p, _, _ := strings.Cut(p, "/") // without the pattern for subtests
		re := regexp.MustCompile(p)
		if !slices.ContainsFunc(names, re.MatchString) {
			t.Errorf("%s.diff: no test in %s matches %q", m.name, k.pkg, p)
		}
	}
}

var testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`)

func testNames(t *testing.T, pkg string) (names []string) {
	files, err := filepath.Glob(filepath.Join(pkg, "*_test.go"))
	require.NoError(t, err)
	for _, file := range files {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range testFunc.FindAllStringSubmatch(string(b), -1) {
			names = append(names, m[1])
		}
	}
	return names
}

// program returns the files that m changes as they are with its edits, in a form
// in which mutations that have the same effect look the same.
func (m mutation) program(sources map[string][]byte) (string, error) {
	changed := map[string][]byte{}
	for _, e := range m.edits {
		src := changed[e.file]
		if src == nil {
			src = sources[e.file]
		}
		broken, err := e.apply(src)
		if err != nil {
			return "", err
		}
		changed[e.file] = broken
	}
	var b strings.Builder
	for name, src := range changed {
		text, err := simplify(src)
		if err != nil {
			return "", err
		}
		b.WriteString(name + "\n" + text)
	}
	return b.String(), nil
}

// simplify returns src without its comments, with "x && false" and "false && x"
// replaced by "false".
func simplify(src []byte) (string, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", src, parser.SkipObjectResolution)
	if err != nil {
		return "", err
	}
	f.Comments = nil
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.IfStmt); ok && alwaysFalse(s.Cond) {
			s.Cond = ast.NewIdent("false")
		}
		if s, ok := n.(*ast.CaseClause); ok && len(s.List) == 1 && alwaysFalse(s.List[0]) {
			s.List[0] = ast.NewIdent("false")
		}
		return true
	})
	var b bytes.Buffer
	err = format.Node(&b, token.NewFileSet(), f)
	return strings.Join(strings.Fields(b.String()), " "), err
}

func alwaysFalse(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return alwaysFalse(e.X)
	case *ast.Ident:
		return e.Name == "false"
	case *ast.BinaryExpr:
		return e.Op == token.LAND && (alwaysFalse(e.X) || alwaysFalse(e.Y))
	}
	return false
}

func TestSimplify(t *testing.T) {
	want, err := simplify([]byte("package p\nfunc f() {\n\tif false {\n\t}\n}"))
	require.NoError(t, err)
	for _, cond := range []string{"false", "a && false", "false && a", "(a && b) && (c && false)"} {
		got, err := simplify([]byte("package p\n// f has a comment.\nfunc f() { if " + cond + " {} }"))
		require.NoError(t, err)
		require.Equal(t, want, got, cond)
	}
	got, err := simplify([]byte("package p\nfunc f() { if a || false {} }"))
	require.NoError(t, err)
	require.NotEqual(t, want, got)
}

const example = `A peer may not
send too much.

test ./a Rate Burst
test ./b ^Threat14 -full

@@ a/bucket.go
 if full {
-	return Drop
 }

@@ b/b.go
-x
+y
+z
`

func TestParse(t *testing.T) {
	m, err := parse(example)
	require.NoError(t, err)
	require.Equal(t, mutation{
		defence: "A peer may not send too much.",
		checks:  []check{{"./a", "Rate|Burst", false}, {"./b", "^Threat14", true}},
		edits: []edit{
			{"a/bucket.go", []string{"if full {", "\treturn Drop", "}"}, []string{"if full {", "}"}},
			{"b/b.go", []string{"x"}, []string{"y", "z"}},
		},
	}, m)
	for _, bad := range []string{
		"", "sentence\n", "sentence\ntest ./a A\n", "test ./a A\n@@ f\n-x\n", "sentence\n@@ f\n-x\n",
		"sentence\ntest ./a\n@@ f\n-x\n", "sentence\ntest ./a A(\n@@ f\n-x\n", "sentence\ntest ./a A\n@@ f\n+x\n",
		"sentence\ntest ./a A\n@@ f\n x\n", "sentence\ntest ./a A\n@@ f\nx\n", "sentence\ntest ./a A\nmore\n@@ f\n-x\n",
	} {
		_, err := parse(bad)
		require.Error(t, err, "%q", bad)
	}
}

func TestApplyIgnoresWhiteSpace(t *testing.T) {
	e := edit{"f.go", []string{"if full {", "return Drop", "}"}, []string{"if false {", "return Drop", "}"}}
	got, err := e.apply([]byte("a\n\t\tif full {\n\t\t\treturn   Drop\n\t\t}\nb"))
	require.NoError(t, err)
	require.Equal(t, "a\n\t\tif false {\nreturn Drop\n}\nb", string(got))
}

func TestApplyNeedsExactlyOnePlace(t *testing.T) {
	e := edit{"f.go", []string{"x++"}, nil}
	_, err := e.apply([]byte("y++"))
	require.ErrorContains(t, err, "does not contain")
	_, err = e.apply([]byte("x++\nx++"))
	require.ErrorContains(t, err, "more than once")
}
