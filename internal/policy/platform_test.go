package policy

import (
	"go/build/constraint"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// systems lists the operating systems and architectures that the go command
// recognises in file names or build constraints, as far as they are likely here.
var systems = []string{
	"aix", "android", "darwin", "dragonfly", "freebsd", "illumos", "ios", "js", "linux", "netbsd", "openbsd",
	"plan9", "solaris", "unix", "wasip1", "windows",
	"386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "ppc64", "ppc64le", "riscv64", "s390x", "wasm",
}

func TestOnlyUDPDependsOnThePlatform(t *testing.T) {
	var found []string
	inUDP := 0
	for _, f := range parseModule(t, token.NewFileSet(), parser.ParseComments|parser.ImportsOnly) {
		switch {
		case f.test() || !platformDependent(f):
		case f.folder() == "udp":
			inUDP++
		case f.folder() == "internal/load" && strings.HasPrefix(path.Base(f.path), "usage_"):
			// the CPU meter of the benchmarks
		case f.folder() == "internal/nowait":
			// a system call for the output of a command
		default:
			found = append(found, f.path)
		}
	}
	require.Empty(t, found)
	require.NotZero(t, inUDP)
}

func TestPlatformDependenceIsFound(t *testing.T) {
	for _, tc := range []struct {
		name, head string
		want       bool
	}{
		{"conn/clock_linux.go", "", true},
		{"conn/clock_arm64.go", "", true},
		{"conn/clock_linux_arm64.go", "", true},
		{"conn/clock.go", "//go:build linux\n\n", true},
		{"conn/clock.go", "// A licence.\n\n//go:build !windows && !race\n\n", true},
		{"conn/clock.go", "//go:build unix\n\n", true},
		{"conn/clock.go", "", false},
		{"conn/linux.go", "", false},
		{"conn/clock.go", "//go:build race\n\n", false},
	} {
		f := parseSource(t, token.NewFileSet(), tc.name, tc.head+"package conn\n")
		require.Equal(t, tc.want, platformDependent(f), "%s %q", tc.name, tc.head)
	}
}

// platformDependent reports whether the name of a file or its build constraint
// excludes it from the build on some system.
func platformDependent(f file) bool {
	words := strings.Split(strings.TrimSuffix(path.Base(f.path), ".go"), "_")
	for _, w := range words[1:] {
		if slices.Contains(systems, w) {
			return true
		}
	}
	for _, group := range f.syntax.Comments {
		for _, c := range group.List {
			if c.Pos() < f.syntax.Package && mentionsSystem(c.Text) {
				return true
			}
		}
	}
	return false
}

func mentionsSystem(line string) bool {
	if !constraint.IsGoBuild(line) {
		return false
	}
	x, err := constraint.Parse(line)
	if err != nil {
		return false
	}
	found := false
	x.Eval(func(tag string) bool {
		found = found || slices.Contains(systems, tag)
		return true
	})
	return found
}
