package policy

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every public package has at least one Example that go test runs, which it does
// if the example states its output.
func TestEveryPublicPackageHasAnExample(t *testing.T) {
	public, shown := map[string]bool{}, map[string]bool{}
	for _, f := range parseModule(t, token.NewFileSet(), parser.ParseComments) {
		if strings.Contains(f.folder()+"/", "internal/") {
			continue
		}
		if !f.test() {
			if f.syntax.Name.Name != "main" {
				public[f.folder()] = true
			}
			continue
		}
		for _, e := range doc.Examples(f.syntax) {
			if e.Output != "" || e.EmptyOutput {
				shown[f.folder()] = true
			}
		}
	}
	require.Greater(t, len(public), 10)
	for folder := range public {
		require.True(t, shown[folder], "package %q has no Example with an output", folder)
	}
}

// declaredTests returns the names of all tests, fuzz targets and benchmarks.
func declaredTests(files []file) map[string]bool {
	names := map[string]bool{}
	for _, f := range files {
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && f.test() && fn.Recv == nil {
				names[fn.Name.Name] = true
			}
		}
	}
	return names
}
