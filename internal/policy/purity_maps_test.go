package policy

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
)

func (v *visitor) rangeOver(n *ast.RangeStmt) {
	for _, t := range terms(v.info.TypeOf(n.X)) {
		switch t.Underlying().(type) {
		case *types.Chan:
			v.report(n, "uses a channel", "")
		case *types.Map:
			v.report(n, "ranges over a map", "sort, or keep a slice beside it, or say in exceptions why the order does not show")
		}
	}
}

// mapOrder settles the two uses of package maps in which the order of a map is
// lost at once: slices.Sorted around one of its iterators, and DeleteFunc with
// a condition and nothing more. Not SortedFunc, which leaves those that it
// holds for equal in the map's order.
func (v *visitor) mapOrder(n *ast.CallExpr) {
	switch fn, id := v.function(n.Fun); qualified(fn) {
	case "slices.Sorted":
		inner, ok := ast.Unparen(n.Args[0]).(*ast.CallExpr)
		if !ok {
			return
		}
		switch fn, id := v.function(inner.Fun); qualified(fn) {
		case "maps.Keys", "maps.Values":
			v.settled[id] = v.equalsAreSame(n)
		}
	case "maps.DeleteFunc":
		v.settled[id] = v.condition(n.Args[1])
	}
}

// equalsAreSame reports whether elements of the slice that compare as equal
// cannot be told apart, as 0 and -0 can.
func (v *visitor) equalsAreSame(slice ast.Expr) bool {
	s, ok := v.info.TypeOf(slice).Underlying().(*types.Slice)
	if !ok {
		return false
	}
	for _, t := range terms(s.Elem()) {
		b, ok := t.Underlying().(*types.Basic)
		if !ok || b.Info()&(types.IsInteger|types.IsString) == 0 {
			return false
		}
	}
	return true
}

// condition reports whether e is a function that returns an expression and can
// neither change anything nor panic with a value that tells where.
func (v *visitor) condition(e ast.Expr) bool {
	f, ok := ast.Unparen(e).(*ast.FuncLit)
	if !ok || len(f.Body.List) != 1 {
		return false
	}
	body, ok := f.Body.List[0].(*ast.ReturnStmt)
	if !ok {
		return false
	}
	ok = true
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case nil, *ast.ReturnStmt, *ast.Ident, *ast.BasicLit, *ast.ParenExpr, *ast.SelectorExpr:
		case *ast.UnaryExpr:
			ok = ok && n.Op != token.ARROW
		case *ast.BinaryExpr:
			ok = ok && n.Op != token.QUO && n.Op != token.REM && n.Op != token.SHL && n.Op != token.SHR &&
				!types.IsInterface(v.info.TypeOf(n.X))
		case *ast.CallExpr:
			id, builtin := n.Fun.(*ast.Ident)
			ok = ok && builtin && v.info.Types[n.Fun].IsBuiltin() && slices.Contains([]string{"len", "cap", "min", "max"}, id.Name)
		default:
			ok = false
		}
		return ok
	})
	return ok
}

// terms returns t, or the types that a type parameter may stand for.
func terms(t types.Type) []types.Type {
	if t == nil {
		return nil
	}
	if _, ok := types.Unalias(t).(*types.TypeParam); !ok {
		return []types.Type{t}
	}
	return embedded(t.Underlying().(*types.Interface))
}

// embedded returns the types that a constraint lists, in it or in constraints
// that it embeds.
func embedded(constraint *types.Interface) (all []types.Type) {
	add := func(t types.Type) {
		if inner, ok := t.Underlying().(*types.Interface); ok {
			all = append(all, embedded(inner)...)
		} else {
			all = append(all, t)
		}
	}
	for e := range constraint.EmbeddedTypes() {
		if u, ok := e.(*types.Union); ok {
			for term := range u.Terms() {
				add(term.Type())
			}
		} else {
			add(e)
		}
	}
	return all
}
