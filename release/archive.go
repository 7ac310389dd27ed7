package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

const hostPlatform = runtime.GOOS + "/" + runtime.GOARCH

// entry is a file of an archive.
type entry struct {
	name string // in the archive, with slashes
	from string // the file with its content
	mode int64
}

// archive writes the archive for a target: the command, the documents, manual pages and
// completion scripts, in a folder of its own.
func (b *build) archive(t target, binary, stage string) error {
	folder := "intentra_" + b.version + "_" + t.String()
	entries := []entry{{path.Join(folder, filepath.Base(binary)), binary, 0o755}}
	for _, name := range []string{"README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE", "docs/HUB.md"} {
		entries = append(entries, entry{path.Join(folder, path.Base(name)), filepath.Join(root, name), 0o644})
	}
	for _, sub := range []string{"man", "completion"} {
		files, err := filepath.Glob(filepath.Join(stage, sub, "*"))
		if err != nil {
			return err
		}
		for _, f := range files {
			entries = append(entries, entry{path.Join(folder, sub, filepath.Base(f)), f, 0o644})
		}
	}
	if t.os == "windows" {
		return writeFile(b.name(t.String()+".zip"), func(w io.Writer) error { return writeZip(w, entries, b.time) })
	}
	return writeFile(b.name(t.String()+".tar.gz"), func(w io.Writer) error {
		z := newGzip(w)
		if err := writeTar(z, entries, b.time); err != nil {
			return err
		}
		return z.Close()
	})
}

// newGzip returns a compressor whose output has neither a name nor a time.
func newGzip(w io.Writer) *gzip.Writer {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is valid
	}
	return z
}

// compress replaces a file by its compressed form.
func compress(name string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	err = writeFile(name+".gz", func(w io.Writer) error {
		z := newGzip(w)
		if _, err := z.Write(content); err != nil {
			return err
		}
		return z.Close()
	})
	if err != nil {
		return err
	}
	return os.Remove(name)
}

// writeTar writes entries in the order of their names, all of the same time and owner.
func writeTar(w io.Writer, entries []entry, at time.Time) error {
	t := tar.NewWriter(w)
	for _, e := range sorted(entries) {
		content, err := os.ReadFile(e.from)
		if err != nil {
			return err
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: e.name, Mode: e.mode, Size: int64(len(content)), ModTime: at, Format: tar.FormatUSTAR}
		if err := t.WriteHeader(header); err != nil {
			return err
		}
		if _, err := t.Write(content); err != nil {
			return err
		}
	}
	return t.Close()
}

// writeZip is writeTar for zip.
func writeZip(w io.Writer, entries []entry, at time.Time) error {
	z := zip.NewWriter(w)
	for _, e := range sorted(entries) {
		content, err := os.ReadFile(e.from)
		if err != nil {
			return err
		}
		header := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: at}
		header.SetMode(os.FileMode(e.mode))
		f, err := z.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := f.Write(content); err != nil {
			return err
		}
	}
	return z.Close()
}

func sorted(entries []entry) []entry {
	return slices.SortedFunc(slices.Values(entries), func(a, b entry) int { return strings.Compare(a.name, b.name) })
}

// writeFile creates a file and has write fill it.
func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// sums is the name of the file with the checksums of all others, as sha256sum writes it.
const sums = "SHA256SUMS"

func (b *build) checksums() error {
	files, err := os.ReadDir(b.out)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, f := range files {
		if f.Name() == sums || f.IsDir() {
			continue
		}
		content, err := os.ReadFile(filepath.Join(b.out, f.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%x  %s\n", sha256.Sum256(content), f.Name())
	}
	return os.WriteFile(filepath.Join(b.out, sums), []byte(text.String()), 0o644)
}
