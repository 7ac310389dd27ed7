package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// logAttributes are the names of all attributes in logs, with what they hold. One
// thing has one name everywhere, so that a query finds it.
var logAttributes = map[string]string{
	"peer":         "the public key of a peer",
	"name":         "its name, from an allow list",
	"before":       "its former name",
	"identity":     "the public key of this side, if it is not that of Config.Key",
	"addr":         "an address with a port",
	"session":      "the number of a session",
	"reason":       "why a session has ended",
	"reconnecting": "whether the peer is dialled again",
	"dialer":       "whether this side dialled the session",
	"up":           "whether the session was confirmed",
	"attempts":     "failed attempts to dial",
	"err":          "an error",
	"panic":        "the value of a panic",
	"callback":     "the callback that panicked",
	"stage":        "the stage that panicked",
	"keys":         "the number of keys in an allow list",
	"revoked":      "the number of keys that have been revoked",
	"missed":       "the number of events that were not logged",
	"buffer":       "a buffer of the socket: read or write",
	"asked":        "its size in the configuration",
	"granted":      "its size",
	"sysctl":       "the limit of the kernel",
	"what":         "a kind of system call",
	"for":          "since when it has failed",
}

var logMethods = []string{"Debug", "Info", "Warn", "Error", "DebugContext", "InfoContext", "WarnContext", "ErrorContext", "With"}

var slogAttributes = []string{"Any", "Bool", "Duration", "Int", "Int64", "String", "Time", "Uint64"}

// TestLogAttributes reads every call of a logger and compares the names of its
// attributes with logAttributes.
func TestLogAttributes(t *testing.T) {
	fset := token.NewFileSet()
	used := map[string]bool{}
	calls := 0
	for _, f := range parseModule(t, fset, parser.SkipObjectResolution) {
		if f.test() {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			names, ok := attributesOf(call)
			if !ok {
				return true
			}
			calls++
			for _, name := range names {
				assert.Contains(t, logAttributes, name, "%s: use a name of logAttributes, or add one", fset.Position(call.Pos()))
				used[name] = true
			}
			return true
		})
	}
	require.Greater(t, calls, 30)
	for name := range logAttributes {
		assert.True(t, used[name], "no log has the attribute %q: remove it from logAttributes", name)
	}
}

// attributesOf returns the names in a call of a logger, a name that is not a literal
// as "?". ok is false for any other call.
func attributesOf(call *ast.CallExpr) (names []string, ok bool) {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil, false
	}
	args := call.Args
	if from, isName := method.X.(*ast.Ident); isName && from.Name == "slog" && slices.Contains(slogAttributes, method.Sel.Name) {
		args = args[:1] // slog.String(name, value) and the like
	} else {
		if !slices.Contains(logMethods, method.Sel.Name) || !isLogger(method.X) {
			return nil, false
		}
		if method.Sel.Name != "With" {
			args = args[1:]
		}
		if strings.HasSuffix(method.Sel.Name, "Context") {
			args = args[1:]
		}
	}
	for i := 0; i < len(args); i += 2 {
		name := "?"
		if l, isLiteral := args[i].(*ast.BasicLit); isLiteral {
			name, _ = strconv.Unquote(l.Value)
		}
		names = append(names, name)
	}
	return names, true
}

// isLogger reports whether an expression is called a logger: log, c.log, cfg.Logger,
// t.logger(p).
func isLogger(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return strings.HasSuffix(strings.ToLower(x.Name), "log") || strings.HasSuffix(strings.ToLower(x.Name), "logger")
	case *ast.SelectorExpr:
		return isLogger(x.Sel)
	case *ast.CallExpr:
		return isLogger(x.Fun)
	}
	return false
}
