package policy

import (
	"go/ast"
	"go/types"
	"regexp"
	"strings"
)

// verbP is the verb %p with flags, but that of a space: a text may say 5% packets.
var verbP = regexp.MustCompile(`%[-+#0-9.*\[\]]*p`)

// addressVerb reports whether a string would have an address printed.
func addressVerb(s string) bool { return verbP.MatchString(strings.ReplaceAll(s, "%%", "")) }

// printed checks the arguments of whatever takes ...any, as package fmt, slog
// and the functions around them do: those that fmt would print as an address,
// wherever it stands in them.
func (v *visitor) printed(n *ast.CallExpr) {
	sig, ok := v.info.TypeOf(n.Fun).(*types.Signature)
	if !ok || !sig.Variadic() || n.Ellipsis.IsValid() {
		return
	}
	if fn, _ := v.function(n.Fun); fn != nil && strings.Contains(strings.ToLower(fn.Name()), "scan") { // they take pointers to what they read
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

// printer are the types on the way.
type printer map[types.Type]bool

// address reports whether fmt prints an address somewhere in a value of type t,
// depth levels below its argument. It calls no methods of what it came to by a
// field that is not exported. What an interface holds is not known.
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

// printsItself reports whether t has one of the methods that fmt prefers.
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
