package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/stretchr/testify/require"
)

// example is a build whose files are in a new folder.
func example(t *testing.T) *build {
	return &build{
		version: "1.2.3", commit: "0123456789ab", time: time.Unix(1_700_000_000, 0).UTC(), out: t.TempDir(),
		targets: []target{{"linux", "amd64"}, {"linux", "arm64"}, {"windows", "amd64"}},
	}
}

func file(t *testing.T, folder, name, content string, at time.Time) string {
	path := filepath.Join(folder, name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	require.NoError(t, os.Chtimes(path, at, at))
	return path
}

// Archives depend on the content of files and on nothing else: not on their times,
// their modes, or the order in which they are found.
func TestArchivesAreReproducible(t *testing.T) {
	for name, write := range map[string]func(io.Writer, []entry, time.Time) error{"tar": writeTar, "zip": writeZip} {
		var first, second bytes.Buffer
		dir := t.TempDir()
		a, b := file(t, dir, "a", "one", time.Unix(1, 0)), file(t, dir, "b", "two", time.Unix(2, 0))
		at := time.Unix(1_700_000_000, 0)
		require.NoError(t, write(&first, []entry{{"x/b", b, 0o644}, {"x/a", a, 0o755}}, at))
		b = file(t, t.TempDir(), "other", "two", time.Unix(3, 0))
		require.NoError(t, os.Chmod(a, 0o777))
		require.NoError(t, write(&second, []entry{{"x/a", a, 0o755}, {"x/b", b, 0o644}}, at))
		require.True(t, bytes.Equal(first.Bytes(), second.Bytes()), name)
		require.Error(t, write(io.Discard, []entry{{"x", filepath.Join(dir, "none"), 0o644}}, at))
	}
	var b bytes.Buffer
	dir := t.TempDir()
	require.NoError(t, writeZip(&b, []entry{{"x/intentra.exe", file(t, dir, "a", "one", time.Now()), 0o755}}, time.Unix(1_700_000_000, 0)))
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	require.NoError(t, err)
	require.Equal(t, "x/intentra.exe", z.File[0].Name)
	require.Equal(t, os.FileMode(0o755), z.File[0].Mode())
}

// The image has an entry for each Linux target, runs the binary as a user without
// rights, and holds that binary alone. Twice the same is identical.
func TestImage(t *testing.T) {
	b := example(t)
	dir := t.TempDir()
	binaries := map[target]string{}
	for _, to := range b.targets {
		binaries[to] = file(t, dir, to.String(), "binary for "+to.String(), time.Now())
	}
	require.NoError(t, b.image(binaries, filepath.Join(dir, "first")))
	first, err := os.ReadFile(b.name("oci.tar"))
	require.NoError(t, err)
	require.NoError(t, b.image(binaries, filepath.Join(dir, "second")))
	second, err := os.ReadFile(b.name("oci.tar"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(first, second))

	index, err := layout.ImageIndexFromPath(filepath.Join(dir, "first"))
	require.NoError(t, err)
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 2)
	for _, m := range manifest.Manifests {
		img, err := index.Image(m.Digest)
		require.NoError(t, err)
		cfg, err := img.ConfigFile()
		require.NoError(t, err)
		require.Equal(t, m.Platform.Architecture, cfg.Architecture)
		require.Equal(t, unprivileged, cfg.Config.User)
		require.Equal(t, []string{"/intentra"}, cfg.Config.Entrypoint)
		require.Equal(t, "1.2.3", cfg.Config.Labels["org.opencontainers.image.version"])
		layers, err := img.Layers()
		require.NoError(t, err)
		require.Len(t, layers, 1)
		content, err := layers[0].Uncompressed()
		require.NoError(t, err)
		r := tar.NewReader(content)
		header, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, "intentra", header.Name)
		require.EqualValues(t, 0o555, header.Mode)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, "binary for linux_"+cfg.Architecture, string(text))
		_, err = r.Next()
		require.ErrorIs(t, err, io.EOF)
	}
}

func TestBillOfMaterials(t *testing.T) {
	info := &buildinfo.BuildInfo{
		GoVersion: "go1.26.8", Main: debug.Module{Path: modulePath},
		Deps: []*debug.Module{
			{Path: "example.com/a", Version: "v1.0.0", Sum: "h1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="},
			{Path: "example.com/b", Version: "v1", Replace: &debug.Module{Path: "example.com/c", Version: "v2.0.0"}},
		},
	}
	text, err := json.Marshal(example(t).materials(target{"linux", "arm64"}, info))
	require.NoError(t, err)
	require.JSONEq(t, `{
		"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
		"metadata": {"timestamp": "2023-11-14T22:13:20Z", "component": {
			"type": "application", "bom-ref": "pkg:golang/github.com/intentra/intentra@v1.2.3", "name": "github.com/intentra/intentra", "version": "v1.2.3",
			"purl": "pkg:golang/github.com/intentra/intentra@v1.2.3?goos=linux&goarch=arm64#cmd/intentra", "licenses": [{"expression": "MIT OR Apache-2.0"}]}},
		"components": [
			{"type": "library", "bom-ref": "pkg:golang/std@1.26.8", "name": "std", "version": "1.26.8", "purl": "pkg:golang/std@1.26.8"},
			{"type": "library", "bom-ref": "pkg:golang/example.com/a@v1.0.0", "name": "example.com/a", "version": "v1.0.0", "purl": "pkg:golang/example.com/a@v1.0.0",
				"hashes": [{"alg": "SHA-256", "content": "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"}]},
			{"type": "library", "bom-ref": "pkg:golang/example.com/c@v2.0.0", "name": "example.com/c", "version": "v2.0.0", "purl": "pkg:golang/example.com/c@v2.0.0"}],
		"dependencies": [{"ref": "pkg:golang/github.com/intentra/intentra@v1.2.3",
			"dependsOn": ["pkg:golang/std@1.26.8", "pkg:golang/example.com/a@v1.0.0", "pkg:golang/example.com/c@v2.0.0"]}]}`, string(text))
}

func TestChecksums(t *testing.T) {
	b := example(t)
	file(t, b.out, "b", "abc", time.Now())
	file(t, b.out, "a", "", time.Now())
	require.NoError(t, b.checksums())
	require.NoError(t, b.checksums(), "without the file itself")
	text, err := os.ReadFile(filepath.Join(b.out, sums))
	require.NoError(t, err)
	require.Equal(t, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a\n"+
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  b\n", string(text))
}

// The proxy serves what a tag contains, without nested modules and later changes.
func TestProxy(t *testing.T) {
	repository, out := t.TempDir(), t.TempDir()
	git := func(args ...string) {
		cmd := exec.Command("git", append([]string{"-C", repository, "-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null"}, args...)...)
		_, err := output(cmd)
		require.NoError(t, err)
	}
	git("init", "-q")
	file(t, repository, "go.mod", "module "+modulePath+"\n", time.Now())
	file(t, repository, "a.go", "package a\n", time.Now())
	require.NoError(t, os.Mkdir(filepath.Join(repository, "nested"), 0o700))
	file(t, repository, "nested/go.mod", "module "+modulePath+"/nested\n", time.Now())
	git("add", ".")
	git("commit", "-q", "-m", "one")
	git("tag", "v0.1.0")
	file(t, repository, "b.go", "package a\n", time.Now())
	git("add", ".")
	git("commit", "-q", "-m", "two")

	require.NoError(t, writeProxy(repository, "v0.1.0", out))
	folder := filepath.Join(out, "github.com/intentra/intentra/@v")
	z, err := zip.OpenReader(filepath.Join(folder, "v0.1.0.zip"))
	require.NoError(t, err)
	defer z.Close()
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	require.ElementsMatch(t, []string{modulePath + "@v0.1.0/go.mod", modulePath + "@v0.1.0/a.go"}, names)
	list, err := os.ReadFile(filepath.Join(folder, "list"))
	require.NoError(t, err)
	require.Equal(t, "v0.1.0\n", string(list))
	info, err := os.ReadFile(filepath.Join(folder, "v0.1.0.info"))
	require.NoError(t, err)
	require.Contains(t, string(info), `"Version":"v0.1.0","Time":"2`)
	require.Error(t, writeProxy(repository, "v9.9.9", t.TempDir()))
}

func TestWrongArguments(t *testing.T) {
	for _, args := range [][]string{
		nil, {"fly"}, {"build"}, {"build", "--version", "1.2", "--out", "x"}, {"build", "--version", "1.2.3"},
		{"build", "--version", "1.2.3", "--out", "x", "--targets", "linux"}, {"proxy"}, {"proxy", "--tag", "v1"},
	} {
		require.Error(t, run(t.Context(), args), args)
	}
}
