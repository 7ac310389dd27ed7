package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// followMoves rewrites the file name of each edit whose passage is no longer in
// its file but in exactly one other file of the module.
func followMoves(w io.Writer, ms []mutation) error {
	sources, err := readSources(os.DirFS("."))
	if err != nil {
		return err
	}
	for _, m := range ms {
		for _, e := range m.edits {
			if _, _, err := e.find(sources[e.file]); err == nil {
				continue
			}
			to := e.places(sources)
			if len(to) != 1 {
				fmt.Fprintf(w, "%s: %s: found in %d other files: %s\n", m.name, e.file, len(to), strings.Join(to, ", "))
				continue
			}
			if err := rename(path.Join(folder, m.name+".diff"), e, to[0]); err != nil {
				return err
			}
			fmt.Fprintf(w, "%s: %s is now %s\n", m.name, e.file, to[0])
		}
	}
	return nil
}

// readSources returns the module's Go files, tests excepted, by name.
func readSources(module fs.FS) (map[string][]byte, error) {
	sources := map[string][]byte{}
	err := fs.WalkDir(module, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || len(d.Name()) > 1 && d.Name()[0] == '.') {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		sources[name], err = fs.ReadFile(module, name)
		return err
	})
	return sources, err
}

// places returns the files that contain e's passage exactly once.
func (e edit) places(sources map[string][]byte) (names []string) {
	for name, src := range sources {
		if _, _, err := e.find(src); err == nil {
			names = append(names, name)
		}
	}
	return names
}

// rename changes the file name of e in the mutation file, and of every other
// edit of it that names the same file and whose passage has moved with it.
func rename(file string, e edit, to string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	// The edit's own lines tell it apart from other edits of the same file.
	head := "@@ " + e.file + "\n"
	chunks := strings.Split(string(b), head)
	for i, c := range chunks[1:] {
		got, err := parse("x\ntest ./x x\n" + head + c)
		if err == nil && fmt.Sprint(got.edits[0]) == fmt.Sprint(e) {
			chunks[i+1] = "@@ " + to + "\n" + c
		} else {
			chunks[i+1] = head + c
		}
	}
	return os.WriteFile(file, []byte(strings.Join(chunks, "")), 0o644)
}
