package policy

import (
	"bufio"
	"bytes"
	"fmt"
	"go/ast"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// purity checks packages using type information, because the syntax does not
// tell whether an expression is a map. The types of imported packages come from
// the compiler's export data.
type purity struct {
	fset  *token.FileSet
	types types.Importer
}

// violation is one place that breaks a rule.
type violation struct {
	at    token.Position
	where string // the declaration, as in exception
	what  string
	hint  string // may be empty
}

func (v violation) String() string {
	s := fmt.Sprintf("%v %s %s", v.at, v.where, v.what)
	if v.hint != "" {
		s += ": " + v.hint
	}
	return s
}

// newPurity gets the export data of packages and their dependencies from the go
// command.
func newPurity(t *testing.T, fset *token.FileSet, packages []string) *purity {
	t.Helper()
	args := append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}, packages...)
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = moduleRoot
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s", &stderr)

	export := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		p, file, _ := strings.Cut(lines.Text(), "\t")
		export[p] = file
	}
	return &purity{fset, importer.ForCompiler(fset, "gc", func(p string) (io.ReadCloser, error) {
		return os.Open(export[p])
	})}
}

// violations returns the violations in the files of one package.
func (c *purity) violations(pkg string, files []file) (found []violation, err error) {
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{}}
	var syntax []*ast.File
	for _, f := range files {
		syntax = append(syntax, f.syntax)
	}
	conf := types.Config{Importer: c.types}
	checked, err := conf.Check(pkg, c.fset, syntax, info)
	if err != nil {
		return nil, err
	}
	folder := strings.TrimPrefix(pkg, modulePath+"/")
	for _, f := range files {
		v := visitor{pkg: checked, info: info, settled: map[*ast.Ident]bool{}}
		v.report = func(at ast.Node, what, hint string) {
			found = append(found, violation{c.fset.Position(at.Pos()), v.where, what, hint})
		}
		v.where = folder
		for i, p := range f.imports() {
			if !importable(folder, p) {
				v.report(f.syntax.Imports[i], "imports "+p, "see trusted and confined")
			}
		}
		for _, d := range f.syntax.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				v.where = folder + "." + funcName(d)
				if d.Body == nil {
					v.report(d, "has no body in Go", "")
				}
				ast.Walk(&v, d)
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						v.where = folder + "." + s.Name.Name
					case *ast.ValueSpec:
						v.where = folder + "." + s.Names[0].Name
					}
					ast.Walk(&v, s)
				}
			}
		}
	}
	return found, nil
}

func importable(folder, p string) bool {
	if folders, ok := confined[p]; ok {
		return slices.Contains(folders, folder)
	}
	_, ok := trusted[p]
	return ok || ourPure(p)
}

func ourPure(p string) bool {
	folder, ok := strings.CutPrefix(p, modulePath+"/")
	return ok && matchesAny(pure, folder)
}

// funcName returns a function's name with its receiver, in the form of package
// runtime: f, T.f or (*T).f.
func funcName(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	t := ast.Unparen(d.Recv.List[0].Type)
	pointer, ok := t.(*ast.StarExpr)
	if ok {
		t = ast.Unparen(pointer.X)
	}
	switch x := t.(type) { // without type parameters
	case *ast.IndexExpr:
		t = x.X
	case *ast.IndexListExpr:
		t = x.X
	}
	if ok {
		return fmt.Sprintf("(*%s).%s", types.ExprString(t), d.Name.Name)
	}
	return types.ExprString(t) + "." + d.Name.Name
}

// visitor checks the declarations of one package.
type visitor struct {
	pkg    *types.Package
	info   *types.Info
	where  string
	report func(at ast.Node, what, hint string)
	// settled marks identifiers of forbidden functions that are harmless where
	// they are, because of the call around them.
	settled map[*ast.Ident]bool
}

func (v *visitor) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.GoStmt:
		v.report(n, "starts a goroutine", "")
	case *ast.SelectStmt, *ast.SendStmt, *ast.ChanType:
		v.report(n, "uses a channel", "")
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			v.report(n, "uses a channel", "")
		}
	case *ast.RangeStmt:
		v.rangeOver(n)
	case *ast.CallExpr:
		v.call(n)
	case *ast.BasicLit:
		if n.Kind == token.STRING && addressVerb(n.Value) {
			v.report(n, "prints an address", "%p")
		}
	case *ast.Ident:
		v.use(n)
	}
	return v
}

func (v *visitor) call(n *ast.CallExpr) {
	v.mapOrder(n)
	v.printed(n)
	// Builtins such as close, len and cap. Other functions that take a channel
	// declare its type, which is checked elsewhere.
	if id, ok := ast.Unparen(n.Fun).(*ast.Ident); ok {
		if _, ok := v.info.Uses[id].(*types.Builtin); !ok || len(n.Args) == 0 {
			return
		}
		for _, t := range terms(v.info.TypeOf(n.Args[0])) {
			if _, ok := t.Underlying().(*types.Chan); ok && id.Name != "make" {
				v.report(n, "uses a channel", "")
			}
		}
	}
}

// use checks an identifier, regardless of how it was imported and of whether it
// is called. A promoted method belongs to the type that declares it.
func (v *visitor) use(id *ast.Ident) {
	switch obj := v.info.Uses[id].(type) {
	case *types.Builtin:
		if obj.Name() == "print" || obj.Name() == "println" {
			v.report(id, "uses "+obj.Name(), "")
		}
	case *types.Func:
		if pkg := obj.Pkg(); pkg != nil && pkg != v.pkg && !ourPure(pkg.Path()) && !v.settled[id] && !trusts(pkg.Path(), objectName(obj), false) {
			v.report(id, "uses "+qualified(obj), "")
		}
	case *types.Var:
		if pkg := obj.Pkg(); pkg != nil && obj.Parent() == pkg.Scope() && !trusts(pkg.Path(), obj.Name(), true) {
			v.report(id, "uses "+pkg.Path()+"."+obj.Name(), "")
		}
	}
}

// trusts reports whether the last pattern of pkg that matches name allows it. It
// returns unsaid if no pattern matches.
func trusts(pkg, name string, unsaid bool) bool {
	ok := unsaid
	for _, p := range trusted[pkg] {
		if p, not := strings.CutPrefix(p, "!"); matches(p, name) {
			ok = !not
		}
	}
	return ok
}

// function returns the package-level function or method that e names, if any, and
// its identifier.
func (v *visitor) function(e ast.Expr) (*types.Func, *ast.Ident) {
	switch x := ast.Unparen(e).(type) {
	case *ast.SelectorExpr:
		e = x.Sel
	case *ast.IndexExpr:
		return v.function(x.X)
	case *ast.IndexListExpr:
		return v.function(x.X)
	default:
		e = x
	}
	id, ok := e.(*ast.Ident)
	if !ok {
		return nil, nil
	}
	fn, _ := v.info.Uses[id].(*types.Func)
	return fn, id
}

// qualified returns a function's name with the path of its package, or "" if it
// has no package.
func qualified(fn *types.Func) string {
	if fn == nil || fn.Pkg() == nil {
		return ""
	}
	return fn.Pkg().Path() + "." + objectName(fn)
}

// objectName returns a function's name. A method is T.f even if its receiver is a
// pointer.
func objectName(fn *types.Func) string {
	recv := fn.Signature().Recv()
	if recv == nil {
		return fn.Name()
	}
	t := types.Unalias(recv.Type())
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	if named, ok := t.(*types.Named); ok {
		return named.Obj().Name() + "." + fn.Name()
	}
	return "interface." + fn.Name()
}
