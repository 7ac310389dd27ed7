package policy

import (
	"bufio"
	"bytes"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pure are the folders whose code must do the same whenever it is given the
// same inputs at the same times. internal/sendq is not among them: it is what
// the core shares with the goroutines of the user, and has its one lock.
var pure = []string{"pipeline", "wire", "stages/...", "conn", "internal/noise", "internal/fair", "internal/addrhash", "sim/..."}

// seeded are those of them that draw random numbers, from sources of their own.
var seeded = []string{"sim", "sim/swarm"}

// ownSource are the functions of math/rand/v2 that do not draw from the
// process's source.
var ownSource = []string{"New", "NewChaCha8", "NewPCG"}

// impureImports are packages whose mere use brings time, chance or waiting.
// sync/atomic waits for nothing and stays allowed.
var impureImports = []string{"sync", "context", "math/rand", "math/rand/v2", "crypto/rand", "hash/maphash"}

// clock are the functions of package time that read or wait for a clock.
var clock = []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "NewTimer", "NewTicker", "Tick"}

// mapOrder are the functions of package maps that yield in the order of a map.
var mapOrder = []string{"All", "Keys", "Values"}

// unordered are the functions that range over a map although they are pure,
// with the reason why the order does not show.
var unordered = map[string]string{
	"pipeline.checkGuards": "the names are sorted before the first is shown",
	"conn.sortedPeers":     "the peers are sorted by key",
}

// campaign is a file that only fuzzing campaigns build, in place of x25519.go.
const campaign = "internal/noise/x25519_memo.go"

func TestCoreIsPure(t *testing.T) {
	fset := token.NewFileSet()
	var files []file
	for _, f := range parseModule(t, fset, parser.ParseComments|parser.SkipObjectResolution) {
		if !f.test() && f.path != campaign && matchesAny(pure, f.folder()) {
			files = append(files, f)
		}
	}
	folders := map[string][]file{}
	for _, f := range files {
		folders[f.folder()] = append(folders[f.folder()], f)
	}
	require.Contains(t, folders, "conn")

	var packages []string
	for _, p := range pure {
		packages = append(packages, "./"+p)
	}
	c := newPurity(t, fset, packages...)
	used := map[string]bool{}
	for folder, files := range folders {
		found, err := c.violations(modulePath+"/"+folder, files, used)
		require.NoError(t, err, folder)
		require.Empty(t, found, folder)
	}
	for name := range unordered {
		require.True(t, used[name], "%s does not range over a map any more: take it out of the table", name)
	}
}

func TestPurityViolationsAreFound(t *testing.T) {
	c := newPurity(t, token.NewFileSet())
	for _, tc := range []struct{ name, imports, body, want string }{
		{"clock", `"time"`, `_ = time.Now()`, "uses time.Now"},
		{"renamed clock", `clock "time"`, `_ = clock.Since(clock.Time{})`, "uses time.Since"},
		{"dot clock", `. "time"`, `Sleep(1)`, "uses time.Sleep"},
		{"clock as value", `"time"`, `now := time.Now; _ = now`, "uses time.Now"},
		{"timer", `"time"`, `time.NewTimer(1)`, "uses time.NewTimer"},
		{"math/rand", `"math/rand"`, `_ = rand.Int()`, "imports math/rand"},
		{"math/rand/v2", `"math/rand/v2"`, `_ = rand.Int()`, "imports math/rand/v2"},
		{"the process's source", `"math/rand/v2"`, `_ = rand.Int()`, "uses math/rand/v2.Int"},
		{"crypto/rand", `"crypto/rand"`, `_ = rand.Reader`, "imports crypto/rand"},
		{"blank import", `_ "math/rand"`, ``, "imports math/rand"},
		{"hash seed", `"hash/maphash"`, `_ = maphash.MakeSeed()`, "imports hash/maphash"},
		{"lock", `"sync"`, `var mu sync.Mutex; mu.Lock()`, "imports sync"},
		{"goroutine", ``, `go func() {}()`, "starts a goroutine"},
		{"send", ``, `var c chan int; c <- 1`, "uses a channel"},
		{"receive", ``, `f := func(c interface{ C() <-chan int }) { <-c.C() }; f(nil)`, "uses a channel"},
		{"select", ``, `select {}`, "uses a channel"},
		{"range over map", ``, `for range map[int]int{} { }`, "ranges over a map"},
		{"range over named map", ``, `type m map[int]int; var v m; for k := range v { _ = k }`, "ranges over a map"},
		{"range over map of a type parameter", ``, `func() { _ = generic(map[int]int{}) }()`, "ranges over a map"},
		{"maps.Keys", `"maps"`, `for k := range maps.Keys(map[int]int{}) { _ = k }`, "uses maps.Keys"},
		{"maps.Values, collected", `"maps"; "slices"`, `_ = slices.Collect(maps.Values(map[int]int{}))`, "uses maps.Values"},

		{"time as a unit", `"time"`, `_ = 3 * time.Second; _ = time.Duration(4).String()`, ""},
		{"method After of a Time", `"time"`, `_ = time.Time{}.After(time.Time{})`, ""},
		{"atomic", `"sync/atomic"`, `var n atomic.Uint64; n.Add(1)`, ""},
		{"sorted keys", `"maps"; "slices"`, `for _, k := range slices.Sorted(maps.Keys(map[int]int{})) { _ = k }`, ""},
		{"range over slice", ``, `for range []int{1} { }`, ""},
		{"look-up in map", ``, `_ = map[int]int{}[1]`, ""},
	} {
		generic := ""
		if strings.Contains(tc.body, "generic(") {
			generic = "func generic[M ~map[int]int](m M) (n int) { for range m { n++ }; return n }\n"
		}
		source := fmt.Sprintf("package p\nimport (%s)\n%sfunc f() { %s }\n", tc.imports, generic, tc.body)
		f := parseSource(t, c.fset, "p/"+strings.ReplaceAll(tc.name, "/", "_")+".go", source)
		found, err := c.violations("p", []file{f}, map[string]bool{})
		require.NoError(t, err, "%s\n%s", tc.name, source)
		if tc.want == "" {
			require.Empty(t, found, tc.name)
			continue
		}
		require.Contains(t, strings.Join(found, "; "), tc.want, tc.name)
	}
}

// purity checks folders with the types of what they use, which it has from the
// compiler's export data: whether an expression is a map cannot be told from
// the syntax.
type purity struct {
	fset  *token.FileSet
	types types.Importer
}

// newPurity asks the go command for the export data of packages and all that
// they use, and of what the tests of the checker use.
func newPurity(t *testing.T, fset *token.FileSet, packages ...string) *purity {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}", "time", "maps", "slices", "sync/atomic"}
	args = append(append(args, impureImports...), packages...)
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

// violations returns what the files of one package break, in words, and marks
// in used the entries of unordered that it needed.
func (c *purity) violations(pkg string, files []file, used map[string]bool) ([]string, error) {
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{}}
	var syntax []*ast.File
	for _, f := range files {
		syntax = append(syntax, f.syntax)
	}
	conf := types.Config{Importer: c.types}
	if _, err := conf.Check(pkg, c.fset, syntax, info); err != nil {
		return nil, err
	}
	var found []string
	report := func(at token.Pos, format string, args ...any) {
		found = append(found, c.fset.Position(at).String()+" "+fmt.Sprintf(format, args...))
	}
	for _, f := range files {
		for _, s := range f.syntax.Imports {
			p := strings.Trim(s.Path.Value, "`\"")
			if p == "math/rand/v2" && slices.Contains(seeded, strings.TrimPrefix(pkg, modulePath+"/")) {
				continue
			}
			if slices.Contains(impureImports, p) {
				report(s.Pos(), "imports %s", p)
			}
		}
		for _, d := range f.syntax.Decls {
			v := visitor{info: info, report: report}
			if fn, ok := d.(*ast.FuncDecl); ok {
				name := path.Base(pkg) + "." + fn.Name.Name
				_, v.anyOrder = unordered[name]
				v.ranged = func() { used[name] = true }
			}
			ast.Walk(v, d)
		}
	}
	return found, nil
}

// visitor looks at one declaration.
type visitor struct {
	info   *types.Info
	report func(at token.Pos, format string, args ...any)
	// anyOrder allows ranging over maps; ranged is called when that is needed.
	anyOrder bool
	ranged   func()
	// sorted is the callee of a call whose arguments are being sorted.
	sorted bool
}

func (v visitor) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.GoStmt:
		v.report(n.Pos(), "starts a goroutine")
	case *ast.SelectStmt, *ast.SendStmt, *ast.ChanType:
		v.report(n.Pos(), "uses a channel")
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			v.report(n.Pos(), "uses a channel")
		}
	case *ast.RangeStmt:
		v.rangeOver(n)
	case *ast.CallExpr:
		// slices.Sorted(maps.Keys(m)): the order is lost at once.
		if fn := v.function(n.Fun); fn != nil && fn.Pkg().Path() == "slices" && strings.HasPrefix(fn.Name(), "Sorted") {
			v.sorted = true
		}
	case *ast.Ident:
		v.use(n)
	}
	return v
}

func (v visitor) rangeOver(n *ast.RangeStmt) {
	for _, t := range terms(v.info.TypeOf(n.X)) {
		switch t.Underlying().(type) {
		case *types.Chan:
			v.report(n.Pos(), "uses a channel")
		case *types.Map:
			if !v.anyOrder {
				v.report(n.Pos(), "ranges over a map: sort, or keep a slice beside it, or say in unordered why the order does not show")
			} else {
				v.ranged()
			}
		}
	}
}

// use checks an identifier, however it was imported.
func (v visitor) use(id *ast.Ident) {
	fn := v.function(id)
	if fn == nil || fn.Signature().Recv() != nil {
		return
	}
	switch p, name := fn.Pkg().Path(), fn.Name(); {
	case p == "time" && slices.Contains(clock, name), p == "math/rand/v2" && !slices.Contains(ownSource, name),
		p == "maps" && slices.Contains(mapOrder, name) && !v.sorted:
		v.report(id.Pos(), "uses %s.%s", p, name)
	}
}

// function returns the package-level function or method that e names, if any.
func (v visitor) function(e ast.Expr) *types.Func {
	switch x := e.(type) {
	case *ast.SelectorExpr:
		e = x.Sel
	case *ast.IndexExpr:
		return v.function(x.X)
	}
	id, ok := e.(*ast.Ident)
	if !ok {
		return nil
	}
	fn, _ := v.info.Uses[id].(*types.Func)
	if fn == nil || fn.Pkg() == nil {
		return nil
	}
	return fn
}

// terms returns t, or the types that a type parameter may stand for.
func terms(t types.Type) []types.Type {
	p, ok := t.(*types.TypeParam)
	if !ok {
		return []types.Type{t}
	}
	var all []types.Type
	constraint := p.Underlying().(*types.Interface)
	for i := range constraint.NumEmbeddeds() {
		switch e := constraint.EmbeddedType(i).(type) {
		case *types.Union:
			for j := range e.Len() {
				all = append(all, e.Term(j).Type())
			}
		default:
			all = append(all, e)
		}
	}
	return all
}
