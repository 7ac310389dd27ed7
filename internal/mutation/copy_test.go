package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestApplyAndRestore(t *testing.T) {
	c := &workingCopy{t.TempDir()}
	name := filepath.Join(c.dir, "a.go")
	require.NoError(t, os.WriteFile(name, []byte("one two three two"), 0o644))
	restore, err := c.apply([]edit{{"a.go", "one", "1"}, {"a.go", "three", "3"}})
	require.NoError(t, err)
	got, _ := os.ReadFile(name)
	require.Equal(t, "1 two 3 two", string(got))
	require.NoError(t, restore())
	got, _ = os.ReadFile(name)
	require.Equal(t, "one two three two", string(got))

	restore, err = c.apply([]edit{{"a.go", "one", "1"}, {"a.go", "two", "2"}})
	require.ErrorContains(t, err, "2 places")
	require.NoError(t, restore())
	got, _ = os.ReadFile(name)
	require.Equal(t, "one two three two", string(got))
}

// Whoever changes a defence has to change its breakage too; this says so
// without running any.
func TestEachBreakageFitsTheCode(t *testing.T) {
	require.GreaterOrEqual(t, len(mutations), 20)
	seen := map[string]bool{}
	for _, m := range choose(nil) {
		require.False(t, seen[m.name], m.name)
		seen[m.name] = true
		require.NotEmpty(t, m.packages, m.name)
		for _, e := range m.edits {
			b, err := os.ReadFile(filepath.Join("..", "..", e.file))
			require.NoError(t, err, m.name)
			c := &workingCopy{t.TempDir()}
			require.NoError(t, os.MkdirAll(filepath.Join(c.dir, filepath.Dir(e.file)), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(c.dir, e.file), b, 0o644))
			_, err = c.apply([]edit{e})
			require.NoError(t, err, m.name)
			require.NotEqual(t, e.old, e.new, m.name)
		}
	}
}

func TestFailedTestsAreFound(t *testing.T) {
	require.Equal(t, []string{"TestA", "TestC"}, failed("ok x\n--- FAIL: TestA (0.1s)\n    --- FAIL: TestA/b (0s)\n--- FAIL: TestC (0s)\nFAIL\n"))
	require.Equal(t, []string{"TestHangs"}, failed("panic: test timed out after 2m0s\n\trunning tests:\n\t\tTestHangs (2m0s)\n"))
	require.Equal(t, []string{"TestDies"}, failed("panic: oh\n\ngoroutine 7 [running]:\nexample.com/m/p.TestDies(0xc0)\n\t/a/b.go:3\n"))
	require.Empty(t, failed("FAIL\texample.com/m [build failed]\n"))
}
