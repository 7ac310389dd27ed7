package main

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPIListIsUpToDate(t *testing.T) {
	lines := readAPI(t)
	committed, err := os.ReadFile(listFile)
	require.NoError(t, err)
	before := strings.Split(strings.TrimSpace(strings.TrimPrefix(string(committed), header)), "\n")

	require.Empty(t, missingFrom(before, lines), "exported, but not in api/api.txt: run \"make api\" and commit the result")
	require.Empty(t, missingFrom(lines, before), "in api/api.txt, but no longer exported: run \"make api\" and commit the result")
	require.Equal(t, string(committed), string(render(lines)))
}

// readAPI returns the list as of now. It walks the module first: the go command
// caches a test's result until a file or folder that the test itself has read
// changes, and does not know what the go list within it reads.
func readAPI(t *testing.T) []string {
	t.Helper()
	require.NoError(t, filepath.WalkDir("../..", func(_ string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && d.Name() == ".git" {
			return fs.SkipDir
		}
		return err
	}))
	lines, err := exportedAPI("../..")
	require.NoError(t, err)
	return lines
}

// missingFrom returns the lines of b that are not in a.
func missingFrom(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(b), func(l string) bool { return slices.Contains(a, l) })
}

// A user cannot name, make or read about an internal type.
func TestNoExportedSignatureNamesAnInternalType(t *testing.T) {
	known := []string{
		"pkg conn, method (*Endpoint) DialAs(",
		"pkg conn, type Config struct, Queue ",
		"pkg conn, type Config struct, Static ",
		"pkg conn, type Journal struct, Queues ",
		"pkg conn, type Peer struct, Queue ",
		"pkg intentra, type Config struct, Record ",
	}
	found := slices.DeleteFunc(naming("internal/", readAPI(t)), func(l string) bool {
		return slices.ContainsFunc(known, func(k string) bool { return strings.HasPrefix(l, k) })
	})
	require.Empty(t, found)
}

// naming returns the lines that name a type of a package with part in its path.
func naming(part string, lines []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(l string) bool {
		_, declaration, _ := strings.Cut(l, ", ")
		return !strings.Contains(declaration, part)
	})
}

func TestPackageAPI(t *testing.T) {
	const source = `package p
import "net/netip"
const Size = 1 << 4
const hidden = 1
var ErrX error
type Key [32]byte
func (k Key) String() string { return "" }
func (k *Key) Set(a netip.Addr) {}
func (k *Key) unexported() {}
type base struct{}
func (base) Close() error { return nil }
type Conn struct { base; Key; Name string; secret int }
type Stage interface { Process(p []byte) (n int); private() }
type Alias = Key
type Set[T any] struct{}
func New[T comparable](x T) *Set[T] { return nil }
func private() {}
`
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "p.go", source, 0)
	require.NoError(t, err)
	config := types.Config{Importer: importer.ForCompiler(fset, "source", nil)}
	p, err := config.Check(modulePath+"/p", fset, []*ast.File{file}, nil)
	require.NoError(t, err)

	got := packageAPI(p)
	slices.Sort(got)
	require.Equal(t, []string{
		"pkg p, const Size untyped int = 16",
		"pkg p, func New[T comparable](x T) *Set[T]",
		"pkg p, method (*Conn) Set(a net/netip.Addr)",
		"pkg p, method (*Key) Set(a net/netip.Addr)",
		"pkg p, method (Conn) Close() error",
		"pkg p, method (Conn) String() string",
		"pkg p, method (Key) String() string",
		"pkg p, type Alias = Key",
		"pkg p, type Conn struct",
		"pkg p, type Conn struct, Name string",
		"pkg p, type Conn struct, embedded Key",
		"pkg p, type Key [32]byte",
		"pkg p, type Set[T any] struct",
		"pkg p, type Stage interface",
		"pkg p, type Stage interface, Process(p []byte) (n int)",
		"pkg p, type Stage interface, private()",
		"pkg p, var ErrX error",
	}, got)
}
