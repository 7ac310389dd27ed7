package policy

import (
	"go/ast"
	"go/types"
	"regexp"
	"strings"
)

// verbP matches the verb %p with flags, except the space flag: "5% packets" is
// text.
var verbP = regexp.MustCompile(`%[-+#0-9.*\[\]]*p`)

// addressVerb reports whether a format string contains the verb %p.
func addressVerb(s string) bool { return verbP.MatchString(strings.ReplaceAll(s, "%%", "")) }

// printed reports arguments for an ...any parameter, as of functions in fmt and
// slog, that fmt would print with an address anywhere in them.
func (v *visitor) printed(n *ast.CallExpr) {
	sig, ok := v.info.TypeOf(n.Fun).(*types.Signature)
	if !ok || !sig.Variadic() || n.Ellipsis.IsValid() {
		return
	}
	if fn, _ := v.function(n.Fun); fn != nil && strings.Contains(strings.ToLower(fn.Name()), "scan") { // takes pointers to its results
		return
	}
	last := sig.Params().Len() - 1
	slice, ok := sig.Params().At(last).Type().(*types.Slice)
	if !ok {
		return
	}
	if i, ok := slice.Elem().Underlying().(*types.Interface); !ok || !i.Empty() || isTypeParam(slice.Elem()) {
		return
	}
	for _, arg := range n.Args[min(last, len(n.Args)):] {
		if (printer{}).address(v.info.TypeOf(arg), 0, true) {
			v.report(arg, "prints an address", types.TypeString(v.info.TypeOf(arg), types.RelativeTo(v.pkg)))
		}
	}
}

// printer is the set of types on the path to the current one.
type printer map[types.Type]bool

// address reports whether fmt prints an address in a value of type t, depth levels
// below the argument. fmt calls no methods of values reached through an unexported
// field. The dynamic type of an interface is unknown.
func (p printer) address(t types.Type, depth int, exported bool) bool {
	if p[t] || isTypeParam(t) || exported && printsItself(t) {
		return false
	}
	on := printer{t: true}
	for u := range p {
		on[u] = true
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return u.Kind() == types.UnsafePointer
	case *types.Chan, *types.Signature:
		return true
	case *types.Pointer:
		switch u.Elem().Underlying().(type) {
		case *types.Struct, *types.Array, *types.Slice, *types.Map:
			return depth > 0 || on.address(u.Elem(), depth+1, exported)
		}
		return true
	case *types.Struct:
		for f := range u.Fields() {
			if on.address(f.Type(), depth+1, exported && f.Exported()) {
				return true
			}
		}
	case *types.Array:
		return on.address(u.Elem(), depth+1, exported)
	case *types.Slice:
		return on.address(u.Elem(), depth+1, exported)
	case *types.Map:
		return on.address(u.Key(), depth+1, exported) || on.address(u.Elem(), depth+1, exported)
	}
	return false
}

// printsItself reports whether t has a method that fmt calls to format a value.
func printsItself(t types.Type) bool {
	set := types.NewMethodSet(t)
	for _, name := range []string{"Error", "String", "Format"} {
		if set.Lookup(nil, name) != nil {
			return true
		}
	}
	return false
}

func isTypeParam(t types.Type) bool {
	_, ok := types.Unalias(t).(*types.TypeParam)
	return ok
}
