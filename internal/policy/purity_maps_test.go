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
			v.report(n, "ranges over a map", "sort the keys, keep a slice as well, or add an exception that says why the order has no effect")
		}
	}
}

// mapOrder settles the two uses of package maps in which the order of the map has
// no effect: slices.Sorted around one of its iterators, and DeleteFunc with a plain
// condition. SortedFunc is not among them: it leaves elements that it considers
// equal in the map's order.
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

// equalsAreSame reports whether elements of the slice that compare as equal are
// indistinguishable. 0 and -0 are not.
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

// condition reports whether e is a function literal that returns an expression
// which has no side effect and cannot panic.
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

// terms returns t itself, or the types in the constraint of a type parameter.
func terms(t types.Type) []types.Type {
	if t == nil {
		return nil
	}
	if _, ok := types.Unalias(t).(*types.TypeParam); !ok {
		return []types.Type{t}
	}
	return embedded(t.Underlying().(*types.Interface))
}

// embedded returns the types that a constraint or its embedded constraints list.
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
