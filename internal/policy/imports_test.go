package policy

import (
	"fmt"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rule states what the files of a folder, except its tests, may import besides
// the standard library. All fields are patterns of path.Match; a pattern that
// ends in /... matches the folder and everything below it.
type rule struct {
	folder string
	// ours lists folders of this module; "." is the root package.
	ours []string
	// beyond lists packages of other modules.
	beyond []string
	// except lists packages, also of the standard library, that are forbidden
	// even if another field or the default allows them.
	except []string
}

// noSystem lists the packages that access the operating system, which packages
// without I/O must not import. net/netip only represents addresses, so it is not
// listed.
var noSystem = []string{"net", "net/http", "os/...", "syscall", "golang.org/x/sys/...", "unsafe"}

// rules has the most specific rules first: the first rule whose folder matches
// applies. Every folder needs one. Stages import neither conn nor each other; only
// conn and package stages import several of them.
var rules = []rule{
	{folder: "pipeline", except: noSystem},
	{folder: "wire", except: noSystem},
	// Of stages/ratelimit, other stages use its Bucket, which knows nothing of stages.
	{folder: "stages/*", ours: []string{"pipeline", "wire", "stages/ratelimit", "internal/noise", "internal/addrhash", "internal/fair", "internal/fragment"},
		beyond: []string{"golang.org/x/crypto/...", "golang.org/x/time/rate"}, except: noSystem},
	{folder: "stages", ours: []string{"pipeline", "stages/*"}, except: noSystem},
	{folder: "internal/noise", ours: []string{"wire"},
		beyond: []string{"github.com/flynn/noise", "golang.org/x/crypto/..."}, except: noSystem},
	{folder: "internal/chainrig", ours: []string{"pipeline", "wire", "stages", "stages/*", "internal/noise"}, except: noSystem},
	{folder: "internal/sendq", ours: []string{"pipeline", "wire"}, except: noSystem},
	{folder: "internal/fragment", ours: []string{"pipeline", "internal/list"}, except: noSystem},
	{folder: "internal/recvq", ours: []string{"pipeline", "internal/list", "internal/ring", "internal/heap"}, except: noSystem},
	{folder: "internal/pmtu", ours: []string{"pipeline"}, except: noSystem},
	{folder: "internal/clock", except: noSystem},
	{folder: "internal/fair", ours: []string{"pipeline", "internal/addrhash"},
		beyond: []string{"golang.org/x/time/rate"}, except: noSystem},
	{folder: "internal/inflight", ours: []string{"pipeline"}, except: noSystem},
	{folder: "internal/prose", except: []string{"*", "*/..."}},
	{folder: "internal/policy", except: []string{"*", "*/..."}},
	{folder: "internal/seed"},    // reads an environment variable
	{folder: "internal/resolve"}, // looks names up
	{folder: "internal/callback", except: noSystem},
	{folder: "internal/slowcall", ours: []string{"pipeline"}, except: noSystem},
	{folder: "internal/heap", ours: []string{"pipeline"}, except: noSystem},
	{folder: "internal/loopback", ours: []string{".", "pipeline", "udp"}, beyond: []string{"github.com/stretchr/testify/..."}},
	// The load of the benchmarks: it runs transports, starts processes, and asks what
	// they use. Its attackers speak the protocol by themselves, as no transport would
	// let them.
	{folder: "internal/load", ours: []string{".", "pipeline", "wire", "stages/cookie", "udp", "internal/histogram", "internal/noise"},
		beyond: []string{"github.com/prometheus/client_golang/..."}, except: []string{"unsafe"}},
	{folder: "internal/apilist", except: []string{"unsafe"}},  // a command: it runs go list
	{folder: "internal/mutation", except: []string{"unsafe"}}, // a command: it copies the module and runs its tests
	// The inputs of a core, written to files and read again, and the engine that replays them.
	{folder: "internal/journal", ours: []string{"pipeline", "wire", "conn", "internal/noise", "internal/sendq"}, except: []string{"net", "unsafe"}},
	{folder: "internal/replay", ours: []string{"pipeline", "wire", "stages/...", "conn", "internal/journal", "internal/noise", "internal/sendq"},
		except: []string{"net", "unsafe"}},
	{folder: "internal/swarm", ours: []string{".", "sim", "sim/script"}, except: noSystem}, // random scenarios
	// How the root package and the simulator meet.
	{folder: "internal/simulated", ours: []string{"pipeline", "conn", "internal/journal"}, except: noSystem},
	// A server for one command, which knows the hub, and WebSocket from another module.
	{folder: "internal/foxglove", ours: []string{".", "hub", "internal/ring"},
		beyond: []string{"github.com/coder/websocket", "golang.org/x/time/rate"}, except: []string{"os/...", "syscall", "golang.org/x/sys/...", "unsafe"}},
	// One system call, for the output of a command.
	{folder: "internal/nowait", beyond: []string{"golang.org/x/sys/..."}, except: []string{"net", "net/http"}},
	{folder: "internal/boundhttp", except: []string{"os/...", "syscall", "golang.org/x/sys/...", "unsafe"}}, // for what serves HTTP
	{folder: "internal/*", except: noSystem}, // small types that know nothing of ours
	{folder: "conn", ours: []string{"pipeline", "wire", "stages/...", "internal/noise", "internal/sendq", "internal/clock", "internal/fair", "internal/fragment", "internal/inflight", "internal/list", "internal/ring", "internal/heap", "internal/pmtu", "internal/recovered"},
		beyond: []string{"golang.org/x/time/rate", "golang.org/x/crypto/..."}, except: noSystem},
	{folder: "udp", ours: []string{"wire"}, beyond: []string{"golang.org/x/sys/..."}},
	{folder: "recording", ours: []string{"internal/journal"}, except: []string{"net", "unsafe"}}, // what of internal/journal is public
	{folder: "", ours: []string{"pipeline", "wire", "stages/...", "conn", "udp", "recording", "internal/..."},
		beyond: []string{"golang.org/x/crypto/...", "golang.org/x/time/rate"}, except: []string{"unsafe"}},
	// The hub knows transports, not sockets: it runs in the simulator as well.
	{folder: "hub", ours: []string{".", "internal/callback", "internal/heap", "internal/keylist", "internal/list", "internal/roster", "pipeline"},
		beyond: []string{"golang.org/x/time/rate"}, except: []string{"net/http", "syscall", "golang.org/x/sys/...", "unsafe"}},
	// The simulator drives the real core without a socket. Only the command and tests import it.
	{folder: "sim", ours: []string{".", "pipeline", "wire", "stages/...", "conn", "internal/..."}, except: noSystem},
	{folder: "sim/script", ours: []string{".", "wire", "conn", "sim", "stages/cookie"}, except: noSystem}, // the language of scenarios
	// The kit that fuzzes a stage, the one that fuzzes chains, and their seeds.
	{folder: "fuzz", ours: []string{"pipeline", "wire", "fuzz/internal/*"}, except: noSystem},
	{folder: "fuzz/chain", ours: []string{"pipeline", "wire", "stages/...", "internal/noise", "internal/chainrig", "fuzz/internal/*"}, except: noSystem},
	{folder: "fuzz/internal/*", except: noSystem},
	{folder: "metrics", ours: []string{".", "hub", "pipeline", "udp"},
		beyond: []string{"github.com/prometheus/client_golang/..."}, except: []string{"unsafe"}},
	// The live page: it serves HTTP, and reads what transports and hubs count.
	{folder: "console", ours: []string{".", "hub", "pipeline", "stages"}, except: []string{"os/...", "syscall", "golang.org/x/sys/...", "unsafe"}},
	{folder: "cmd/...", ours: []string{".", "hub", "console", "pipeline", "wire", "stages/...", "udp", "metrics", "sim/...", "recording", "internal/...", "cmd/..."},
		beyond: []string{"github.com/alecthomas/kong", "github.com/BurntSushi/toml", "github.com/prometheus/client_golang/..."},
		except: []string{"unsafe"}},
	// Sites in the simulator, for the tests of the examples.
	{folder: "examples/internal/simsite", ours: []string{".", "hub", "sim", "examples/internal/tally"}, except: noSystem},
	{folder: "examples/...", ours: []string{".", "hub", "pipeline", "stages/...", "metrics", "examples/..."},
		beyond: []string{"github.com/prometheus/client_golang/..."}, except: []string{"unsafe"}},
}

// testRule applies to the tests of every folder. They may import everything except
// the command and the benchmarks.
var testRule = rule{
	folder: "...",
	ours:   []string{"*", "*/..."},
	beyond: []string{"*", "*/..."},
	except: []string{modulePath + "/cmd/...", modulePath + "/bench", modulePath + "/bench/..."},
}

func TestImportsPointDown(t *testing.T) {
	require.Empty(t, importViolations(rules, parseModule(t, token.NewFileSet(), parser.ImportsOnly)))
}

// A rule for a folder that does not exist would have no effect.
func TestImportRulesHaveFolders(t *testing.T) {
	files := parseModule(t, token.NewFileSet(), parser.ImportsOnly)
	for _, r := range rules {
		require.True(t, slices.ContainsFunc(files, func(f file) bool { return matches(r.folder, f.folder()) }),
			"a rule names folder %q, which does not exist", r.folder)
	}
}

func TestImportViolationsAreFound(t *testing.T) {
	const ours = modulePath + "/"
	for _, tc := range []struct{ file, imports, want string }{
		{"pipeline/a.go", ours + "wire", "pipeline may not import wire"},
		{"wire/a.go", ours + "pipeline", "wire may not import pipeline"},
		{"wire/a.go", "unsafe", "wire may not import unsafe"},
		{"stages/replay/a.go", ours + "conn", "stages/replay may not import conn"},
		{"stages/replay/a.go", ours + "stages/ack", "stages/replay may not import stages/ack"},
		{"stages/replay/a.go", modulePath, "stages/replay may not import the root package"},
		{"stages/replay/a.go", "github.com/flynn/noise", "stages/replay may not import github.com/flynn/noise"},
		{"conn/a.go", "net", "conn may not import net"},
		{"conn/a.go", "os/signal", "conn may not import os/signal"},
		{"conn/a.go", ours + "udp", "conn may not import udp"},
		{"conn/a.go", modulePath, "conn may not import the root package"},
		{"udp/a.go", ours + "pipeline", "udp may not import pipeline"},
		{"conn/a.go", ours + "internal/load", "conn may not import internal/load"},
		{"internal/fair/a.go", ours + "wire", "internal/fair may not import wire"},
		{"internal/addrhash/a.go", ours + "pipeline", "internal/addrhash may not import pipeline"},
		{"internal/load/a.go", ours + "bench/contender", "internal/load may not import bench/contender"},
		{"a.go", ours + "metrics", "the root package may not import metrics"},
		{"a.go", ours + "sim", "the root package may not import sim"},
		{"a.go", "github.com/alecthomas/kong", "the root package may not import github.com/alecthomas/kong"},
		{"conn/a.go", "github.com/prometheus/client_golang/prometheus", "conn may not import github.com/prometheus/client_golang/prometheus"},
		{"examples/x/main.go", ours + "sim", "examples/x may not import sim"},
		{"sim/a.go", ours + "udp", "sim may not import udp"},
		{"sim/a.go", "net", "sim may not import net"},
		{"fuzz/a.go", ours + "stages", "fuzz may not import stages"},
		{"fuzz/chain/a.go", ours + "conn", "fuzz/chain may not import conn"},
		{"cmd/intentra/a.go", ours + "bench", "cmd/intentra may not import bench"},
		{"a_test.go", ours + "bench/plot", "a test of the root package may not import bench/plot"},
		{"conn/a_test.go", ours + "cmd/intentra", "a test of conn may not import cmd/intentra"},
		{"utils/a.go", "fmt", "utils has no rule"},

		{"conn/a.go", "net/netip", ""},
		{"conn/a.go", ours + "stages/ack", ""},
		{"conn/a_test.go", ours + "sim", ""},
		{"stages/a.go", ours + "stages/ack", ""},
		{"stages/replay/a.go", ours + "stages/ratelimit", ""},
		{"stages/cookie/a.go", ours + "internal/fair", ""},
		{"internal/load/a.go", modulePath, ""},
		{"metrics/a.go", modulePath, ""},
		{"cmd/intentra/a.go", ours + "udp", ""},
		{"cmd/intentra/a.go", ours + "sim", ""},
	} {
		f := parseSource(t, token.NewFileSet(), tc.file, fmt.Sprintf("package p\nimport _ %q\n", tc.imports))
		got := strings.Join(importViolations(rules, []file{f}), "; ")
		if tc.want == "" {
			require.Empty(t, got, "%s imports %s", tc.file, tc.imports)
			continue
		}
		require.Contains(t, got, tc.want, "%s imports %s", tc.file, tc.imports)
	}
}

// importViolations describes each import that breaks a rule.
func importViolations(rules []rule, files []file) (found []string) {
	for _, f := range files {
		r, ok := ruleFor(rules, f.folder())
		if f.test() {
			r, ok = testRule, true
		}
		if !ok {
			found = append(found, fmt.Sprintf("%s: %s has no rule; add one to imports_test.go", f.path, called(f)))
			continue
		}
		for _, p := range f.imports() {
			if !r.allows(p) {
				found = append(found, fmt.Sprintf("%s: %s may not import %s", f.path, called(f), short(p)))
			}
		}
	}
	return found
}

func ruleFor(rules []rule, folder string) (rule, bool) {
	i := slices.IndexFunc(rules, func(r rule) bool { return matches(r.folder, folder) })
	if i < 0 {
		return rule{}, false
	}
	return rules[i], true
}

func (r rule) allows(imported string) bool {
	if matchesAny(r.except, imported) {
		return false
	}
	if imported == modulePath {
		return matchesAny(r.ours, ".")
	}
	if folder, ok := strings.CutPrefix(imported, modulePath+"/"); ok {
		return matchesAny(r.ours, folder)
	}
	return standard(imported) || matchesAny(r.beyond, imported)
}

// standard reports whether a path is in the standard library: as for the go
// command, its first element has no dot.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) })
}

func matches(pattern, name string) bool {
	if pattern, deep := strings.CutSuffix(pattern, "/..."); deep {
		for ; name != "."; name = path.Dir(name) {
			if matches(pattern, name) {
				return true
			}
		}
		return false
	}
	ok, err := path.Match(pattern, name)
	if err != nil {
		panic(err)
	}
	return ok
}

func called(f file) string {
	name := f.folder()
	if name == "" {
		name = "the root package"
	}
	if f.test() {
		return "a test of " + name
	}
	return name
}

func short(imported string) string {
	if imported == modulePath {
		return "the root package"
	}
	return strings.TrimPrefix(imported, modulePath+"/")
}
