package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// newTestCopy returns a module of one package, whose test fails unless F
// returns 2.
func newTestCopy(t *testing.T) *workingCopy {
	c := &workingCopy{t.TempDir()}
	require.NoError(t, os.MkdirAll(c.path("p"), 0o755))
	for name, text := range map[string]string{
		"go.mod":      "module m\ngo 1.26\n",
		"p/p.go":      "package p\n\nfunc F() int {\n\treturn 2\n}\n",
		"p/p_test.go": "package p\n\nimport \"testing\"\n\nfunc TestF(t *testing.T) {\n\tif F() != 2 {\n\t\tt.Fatal(F())\n\t}\n}\n\nfunc TestNothing(t *testing.T) {}\n",
	} {
		require.NoError(t, os.WriteFile(c.path(name), []byte(text), 0o644))
	}
	return c
}

func TestTry(t *testing.T) {
	c := newTestCopy(t)
	before, err := os.ReadFile(c.path("p/p.go"))
	require.NoError(t, err)
	m := mutation{
		checks: []check{{pkg: "./p", pattern: "F"}, {pkg: "./p", pattern: "Nothing"}},
		edits:  []edit{{"p/p.go", []string{"return 2"}, []string{"return 3"}}},
	}
	require.NoError(t, c.checkUnbroken(t.Context(), []mutation{m}))
	r, err := c.try(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, []string{"TestF"}, r.noticed)
	require.Equal(t, m.checks[1:], r.survived)

	m.edits[0].new = []string{"return x"}
	_, err = c.try(t.Context(), m)
	require.ErrorContains(t, err, "undefined: x")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.try(ctx, m)
	require.ErrorIs(t, err, context.Canceled)

	after, err := os.ReadFile(c.path("p/p.go"))
	require.NoError(t, err)
	require.Equal(t, string(before), string(after), "the code is restored each time")
}

// TestNestedModule: tests of a module in a folder of this one run there.
func TestNestedModule(t *testing.T) {
	c := newTestCopy(t)
	require.NoError(t, os.MkdirAll(c.path("nested/q"), 0o755))
	require.NoError(t, os.WriteFile(c.path("nested/go.mod"), []byte("module n\ngo 1.26\n"), 0o644))
	for name, want := range map[string][2]string{"./p": {".", "./p"}, "./nested/q": {"nested", "./q"}, "./nested": {"nested", "./"}, ".": {".", "."}} {
		module, pkg := c.split(name)
		require.Equal(t, want, [2]string{module, pkg})
	}
	require.NoError(t, os.WriteFile(c.path("nested/q/q_test.go"), []byte("package q\n\nimport \"testing\"\n\nfunc TestQ(t *testing.T) { t.Fatal() }\n"), 0o644))
	failed, _, err := c.test(t.Context(), check{pkg: "./nested/q", pattern: "Q"}, testTime)
	require.NoError(t, err)
	require.Equal(t, []string{"TestQ"}, failed)
}

func TestCheckUnbrokenFindsAFailingTest(t *testing.T) {
	c := newTestCopy(t)
	require.NoError(t, os.WriteFile(c.path("p/p.go"), []byte("package p\nfunc F() int { return 1 }\n"), 0o644))
	err := c.checkUnbroken(t.Context(), []mutation{{checks: []check{{pkg: "./p", pattern: "F"}}}})
	require.ErrorContains(t, err, "TestF fails in the unbroken code")
}

func TestFailures(t *testing.T) {
	require.Equal(t, []string{"TestA", "TestC"}, failures("ok x\n--- FAIL: TestA (0.1s)\n    --- FAIL: TestA/b (0s)\n--- FAIL: TestC (0s)\nFAIL\n"))
	require.Equal(t, []string{"TestHangs"}, failures("panic: test timed out after 2m0s\n\trunning tests:\n\t\tTestHangs (2m0s)\n"))
	require.Equal(t, []string{"TestDies"}, failures("panic: oh\n\ngoroutine 7 [running]:\nexample.com/m/p.TestDies(0xc0)\n\t/a/b.go:3\n"))
	require.Empty(t, failures("FAIL\texample.com/m [build failed]\n"))
}

func TestRecord(t *testing.T) {
	name := filepath.Join(t.TempDir(), "record")
	ms := []mutation{{name: "a"}, {name: "b"}}
	r, err := openRecord(name)
	require.NoError(t, err)
	require.Equal(t, ms, r.missing(ms))
	require.NoError(t, r.add(ms[0]))
	r.close()
	r, err = openRecord(name)
	require.NoError(t, err)
	require.Equal(t, ms[1:], r.missing(ms))
	r.close()
}

func TestFollowMoves(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.MkdirAll(folder, 0o755))
	text := "sentence\ntest ./a A\n\n@@ old.go\n-moved\n\n@@ old.go\n-stayed\n"
	file := filepath.Join(folder, "m.diff")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	require.NoError(t, os.WriteFile("old.go", []byte("stayed"), 0o644))
	require.NoError(t, os.WriteFile("new.go", []byte("moved"), 0o644))
	all, err := load(os.DirFS(folder))
	require.NoError(t, err)
	require.NoError(t, followMoves(t.Output(), all))
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "sentence\ntest ./a A\n\n@@ new.go\n-moved\n\n@@ old.go\n-stayed\n", string(got))
}
