package conn

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// publicKeyWork lists the functions of internal/noise that multiply, or hash the
// result. NewStatic is called before there is an endpoint.
var publicKeyWork = map[string]bool{
	"NewInitiator": true, "WriteInit": true, "ReadResponse": true, "Reject": true, "WriteFinal": true,
	"NewResponder": true, "ReadInit": true, "WriteResponse": true, "ReadFinal": true,
}

// The event loop does no public-key work: only functions of a *Job, which Job.Run
// calls, do.
func TestPublicKeyWorkIsInJobs(t *testing.T) {
	fset := token.NewFileSet()
	found := 0
	for _, f := range parseFolder(t, fset, ".") {
		var within []ast.Node
		ast.Inspect(f, func(n ast.Node) bool {
			if n == nil {
				within = within[:len(within)-1]
				return true
			}
			within = append(within, n)
			if s, ok := n.(*ast.SelectorExpr); ok && publicKeyWork[s.Sel.Name] {
				found++
				require.True(t, inJob(within), "%s: %s outside a job", fset.Position(n.Pos()), s.Sel.Name)
			}
			return true
		})
	}
	require.Greater(t, found, len(publicKeyWork), "handshakes and rekeys")

	// A new exported function of internal/noise must be added to one of the two
	// lists.
	light := map[string]bool{"NewStatic": true, "Public": true, "NewAEAD": true, "AppendNonce": true, "Wipe": true, "Private": true}
	for _, f := range parseFolder(t, fset, "../internal/noise") {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !fn.Name.IsExported() || fn.Recv != nil && !exportedReceiver(fn) {
				continue
			}
			require.True(t, publicKeyWork[fn.Name.Name] || light[fn.Name.Name], "noise.%s: is it public-key work?", fn.Name.Name)
		}
	}
}

// parseFolder returns the files of a folder, without tests.
func parseFolder(t *testing.T, fset *token.FileSet, folder string) (files []*ast.File) {
	names, err := filepath.Glob(folder + "/*.go")
	require.NoError(t, err)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		files = append(files, f)
	}
	require.NotEmpty(t, files)
	return files
}

// inJob reports whether the innermost of the nodes is inside a func(*Job).
func inJob(within []ast.Node) bool {
	for _, n := range within {
		lit, ok := n.(*ast.FuncLit)
		if !ok || len(lit.Type.Params.List) != 1 {
			continue
		}
		if p, ok := lit.Type.Params.List[0].Type.(*ast.StarExpr); ok {
			if name, ok := p.X.(*ast.Ident); ok && name.Name == "Job" {
				return true
			}
		}
	}
	return false
}

func exportedReceiver(fn *ast.FuncDecl) bool {
	t := fn.Recv.List[0].Type
	if p, ok := t.(*ast.StarExpr); ok {
		t = p.X
	}
	name, ok := t.(*ast.Ident)
	return ok && name.IsExported()
}
