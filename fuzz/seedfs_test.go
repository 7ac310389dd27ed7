package fuzz

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func seedFile(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func TestSeedFS(t *testing.T) {
	var k kit
	SeedFS(fstest.MapFS{
		"a":       seedFile("go test fuzz v1\n[]byte(\"one\")\n"),
		"b/c":     seedFile("go test fuzz v1\n[]byte(\"\\x00\\xff\\\"\\n\")"),
		"b/empty": seedFile("go test fuzz v1\n[]byte(\"\")\n"),
	})(&k)
	require.Equal(t, [][]byte{[]byte("one"), {0, 255, '"', '\n'}, {}}, k.payloads)
	require.NotPanics(t, func() { SeedFS(fstest.MapFS{}) })
}

func TestSeedFSRefuses(t *testing.T) {
	for _, text := range []string{
		"", "one", "go test fuzz v1\n", "go test fuzz v2\n[]byte(\"one\")\n", "go test fuzz v1\nstring(\"one\")\n",
		"go test fuzz v1\n[]byte(\"one\")\nint(5)\n", "go test fuzz v1\n[]byte(\"one\"\n", "go test fuzz v1\n[]byte(one)\n",
	} {
		require.Panics(t, func() { SeedFS(fstest.MapFS{"a": seedFile(text)}) }, text)
	}
}
