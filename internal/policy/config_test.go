package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The default and the range of a field are stated once: in the comment of
// intentra.Config if it has the field, else in that of conn.Config.
func TestDefaultsAreStatedOnce(t *testing.T) {
	comments := map[string]map[string]string{}
	for _, f := range parseModule(t, token.NewFileSet(), parser.ParseComments|parser.SkipObjectResolution) {
		if f.path == "config.go" || f.path == "conn/config.go" {
			comments[f.path] = fieldComments(f.syntax)
		}
	}
	root, core := comments["config.go"], comments["conn/config.go"]
	require.Greater(t, len(root), 30)
	shared := 0
	for name, text := range core {
		if _, ok := root[name]; !ok {
			continue
		}
		shared++
		for _, word := range []string{"Default", "default", "range"} {
			assert.NotContains(t, text, word, "conn.Config.%s: intentra.Config states it", name)
		}
	}
	require.Greater(t, shared, 25)
}

// fieldComments returns the comments of the fields of type Config.
func fieldComments(f *ast.File) map[string]string {
	all := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "Config" {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			for _, name := range field.Names {
				all[name.Name] = strings.Join(strings.Fields(field.Doc.Text()), " ")
			}
		}
		return false
	})
	return all
}
