package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	modulePath = "github.com/intentra/intentra"
	moduleRoot = "../.."
)

// file is a parsed Go file of the module.
type file struct {
	// path is relative to the root of the module, with slashes.
	path   string
	syntax *ast.File
}

// folder returns the file's folder relative to the root of the module, or "" for
// the root package.
func (f file) folder() string {
	if d := path.Dir(f.path); d != "." {
		return d
	}
	return ""
}

func (f file) test() bool { return strings.HasSuffix(f.path, "_test.go") }

// imports returns the paths that f imports.
func (f file) imports() []string {
	var paths []string
	for _, s := range f.syntax.Imports {
		paths = append(paths, strings.Trim(s.Path.Value, "`\""))
	}
	return paths
}

// parseSource parses a file from memory.
func parseSource(t *testing.T, fset *token.FileSet, name, source string) file {
	t.Helper()
	syntax, err := parser.ParseFile(fset, name, source, parser.ParseComments)
	require.NoError(t, err)
	return file{name, syntax}
}

// parseModule parses every Go file of the module, regardless of build
// constraints. Nested modules such as bench are not part of it.
func parseModule(t *testing.T, fset *token.FileSet, mode parser.Mode) []file {
	t.Helper()
	var files []file
	err := filepath.WalkDir(moduleRoot, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != moduleRoot && skipped(name, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		syntax, err := parser.ParseFile(fset, name, nil, mode)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(moduleRoot, name)
		if err != nil {
			return err
		}
		files = append(files, file{filepath.ToSlash(rel), syntax})
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

// skipped reports whether the go command ignores a folder.
func skipped(name, base string) bool {
	if base == "testdata" || base[0] == '.' || base[0] == '_' {
		return true
	}
	_, err := os.Stat(filepath.Join(name, "go.mod"))
	return err == nil
}
