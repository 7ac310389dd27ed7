package fuzz

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

func seedFile(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func TestSeedFS(t *testing.T) {
	var k kit
	SeedFS(fstest.MapFS{
		"a":        seedFile("go test fuzz v1\n[]byte(\"one\")\n"),
		"b":        seedFile("go test fuzz v1\n[]byte(\"\\x00\\xff\\\"\\n\")"),
		"empty":    seedFile("go test fuzz v1\n[]byte(\"\")\n"),
		".gitkeep": seedFile("here for git"),
	})(&k)
	require.NoError(t, k.err)
	require.Equal(t, [][]byte{[]byte("one"), {0, 255, '"', '\n'}, {}}, k.payloads)
}

func TestSeedFSRefusesFiles(t *testing.T) {
	for _, text := range []string{
		"", "one", "go test fuzz v1\n", "go test fuzz v2\n[]byte(\"one\")\n", "go test fuzz v1\nstring(\"one\")\n",
		"go test fuzz v1\n[]byte(\"one\")\nint(5)\n", "go test fuzz v1\n[]byte(\"one\"\n", "go test fuzz v1\n[]byte(one)\n",
	} {
		var k kit
		SeedFS(fstest.MapFS{"a": seedFile(text)})(&k)
		require.ErrorContains(t, k.err, "fuzz: SeedFS(fstest.MapFS): a: not a seed", text)
	}
}

// An error about a folder names it and says what to do.
func TestSeedFSRefusesFolders(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	empty := t.TempDir()
	parent := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(parent, "messages"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(parent, "messages", "one"), []byte("go test fuzz v1\n[]byte(\"one\")\n"), 0o600))
	for _, tc := range []struct {
		folder fs.FS
		want   string
	}{
		{os.DirFS(missing), fmt.Sprintf("fuzz: SeedFS(%q): ", missing)},
		{os.DirFS(empty), fmt.Sprintf("fuzz: SeedFS(%q): it contains no seeds: make some with intentra replay", empty)},
		{os.DirFS(parent), fmt.Sprintf("fuzz: SeedFS(%q): it contains a folder \"messages\": give the folder", parent)},
		{nil, "the folder is nil"},
	} {
		stage := func() pipeline.Stage {
			return pipeline.Func("good", nil, func(*pipeline.Packet) pipeline.Verdict { return pipeline.Accept })
		}
		require.ErrorContains(t, Check(nil, stage, SeedFS(tc.folder)), tc.want)
	}
}
