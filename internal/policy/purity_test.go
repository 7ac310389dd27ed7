package policy

import (
	"fmt"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pure lists the folders whose code must behave the same for the same inputs at
// the same times.
var pure = []string{"pipeline", "wire", "stages/...", "conn", "internal/noise", "internal/clock", "internal/fair", "internal/fragment", "internal/inflight", "internal/addrhash", "internal/list", "internal/ring", "internal/heap",
	"internal/sendq", "internal/pmtu", "internal/keyledger", "internal/swarm", "sim/..."}

// trusted lists the other packages that these may import, each with patterns of
// the functions and methods whose results only depend on their arguments. A
// pattern that begins with ! excludes names again, including variables. Packages
// not listed are forbidden: reflect ranges over maps, runtime counts goroutines,
// unsafe turns addresses into numbers, and most of crypto/... draws random numbers
// (since Go 1.26 much of it ignores the reader passed to it).
var trusted = map[string][]string{
	"bufio": {"*"},
	"bytes": {"*"},
	"cmp":   {"*"},
	// To end a context that the core gives away starts no goroutine and waits for
	// nothing; the core looks at none.
	"context":       {"Background", "WithCancel"},
	"crypto/aes":    {"*"},
	"crypto/cipher": {"*", "!NewGCMWithRandomNonce"},
	// Not Curve.GenerateKey, which ignores its reader.
	"crypto/ecdh": {"P256", "P384", "P521", "X25519", "Curve.NewPrivateKey", "Curve.NewPublicKey", "PrivateKey.*", "PublicKey.*"},

	"crypto/sha256":   {"*"},
	"crypto/subtle":   {"*"},
	"encoding":        {"*"},
	"encoding/base64": {"*"},
	"encoding/binary": {"*"},
	"encoding/hex":    {"*"},
	"errors":          {"*"},
	"fmt":             {"*", "!Print*", "!Scan", "!Scanf", "!Scanln"},
	"hash":            {"*"},
	"io":              {"*", "!Pipe*"},
	"iter":            {}, // types only
	// These read the clock, but only for the record passed to the user's
	// handler. They return nothing, unlike Enabled.
	"log/slog": {"Logger.Debug", "Logger.Info", "Logger.Warn", "Logger.Error"},
	// Not the iterators, which visitor.mapOrder checks.
	"maps":      {"Clone", "Collect", "Copy", "Equal", "Insert"},
	"math":      {"*"},
	"math/bits": {"*"},
	// Not the functions that use the global source.
	"math/rand/v2": {"New", "NewChaCha8", "NewPCG", "Rand.*", "ChaCha8.*", "PCG.*", "Source.*"},
	"net/netip":    {"*"},
	"regexp":       {"*"},
	// Nothing: a stack trace contains addresses and a goroutine number.
	"runtime/debug": {},
	"slices":        {"*"},
	"strconv":       {"*"},
	"strings":       {"*"},
	// Not Pool.Get, whose result depends on the garbage collector, nor Map.Range,
	// nor WaitGroup.Go, nor anything that waits, except for a lock.
	"sync": {"Mutex.Lock", "Mutex.Unlock", "Pool.Put"},
	// It never waits. It does return what other goroutines stored: in
	// internal/sendq a Watcher observes those stores.
	"sync/atomic": {"*"},
	// Only methods of Time that do not depend on its zone: Unix returns a Time in
	// the machine's zone.
	"time": {"Duration.*", "ParseDuration", "Unix", "UnixMilli", "UnixMicro", "Time.Add", "Time.Sub", "Time.After", "Time.Before",
		"Time.Compare", "Time.Equal", "Time.IsZero", "Time.Unix*", "Time.UTC", "!Local"},

	// It only passes calls on: to the user's log handler, as log/slog does, and to
	// the source of randomness that it is given.
	"github.com/intentra/intentra/internal/recovered": {"Logger", "Reader"},

	"github.com/flynn/noise":               {"*", "!DH25519"}, // which draws from crypto/rand unless told otherwise
	"golang.org/x/crypto/blake2s":          {"*"},
	"golang.org/x/crypto/chacha20poly1305": {"*"},
	"golang.org/x/time/rate":               rateGivenTime,

	// A Transport in the simulator has neither a clock nor goroutines, and its time is
	// the world's. Its methods that wait are not for the simulator itself.
	modulePath: {"AllowAny", "Config.Core", "Peer.Send", "Transport.Peer", "Transport.Peers", "Transport.Broadcast",
		"Transport.BroadcastTo", "Transport.Revoke"},
	modulePath + "/internal/simulated": {"Application.*"},
	modulePath + "/internal/journal":   {}, // types only
	// Handles are equal exactly if their values are.
	"unique": {"Make", "Handle.Value"},
}

// rateGivenTime lists the functions and methods of golang.org/x/time/rate that
// take the time from the caller or need none. The others call time.Now.
var rateGivenTime = []string{"NewLimiter", "Every", "Limiter.AllowN", "Limiter.ReserveN", "Limiter.TokensAt", "Limiter.SetLimitAt",
	"Limiter.SetBurstAt", "Limiter.Limit", "Limiter.Burst", "Reservation.OK", "Reservation.DelayFrom", "Reservation.CancelAt"}

// confined lists the trusted packages that only some folders may import.
var confined = map[string][]string{
	"context":       {"conn", "sim/script"},                   // of Config.Authorize
	"math/rand/v2":  {"sim", "internal/swarm"},                // sources of their own, from the seed
	"runtime/debug": {"internal/swarm"},                       // see exceptions
	"unique":        {"conn"},                                 // local addresses, which many sessions share
	"sync":          {"internal/sendq", "internal/keyledger"}, // what goroutines of the user or of tests share
	modulePath:      {"sim", "sim/script", "internal/swarm"},  // its types; it is not pure
	// The Transport of an application in the simulator.
	modulePath + "/internal/simulated": {"sim"},
	modulePath + "/internal/journal":   {"sim"},
}

// exception is a violation that has no effect on the core's output.
type exception struct {
	where string // the declaration, with the receiver of a method
	what  string
	times int // exact number
	// why says why it has no effect. If elements of a map are collected and
	// sorted, it must say why no two are equal: equal elements would stay in the
	// map's order, which the checker cannot see.
	why string
}

var exceptions = []exception{
	{"pipeline.(*Builder).checkGuards", "ranges over a map", 1, "the texts are sorted, and equal texts are the same, before the first is shown"},
	{"conn.(*Endpoint).sortedPeers", "ranges over a map", 1, "the peers are sorted by both keys, which together are the map's"},
	{"conn.(*Endpoint).OldestRekey", "ranges over a map", 1, "it returns the least of times, the same in any order"},
	{"internal/sendq.Queue", "uses a channel", 1, "room, which callers outside the core wait for; the core only closes it"},
	{"internal/sendq.(*Queue).PushWait", "uses a channel", 2, "it is for callers outside the core: it makes room and does not wait itself"},
	{"conn.(*Config).defaultFunctions", "uses log/slog.New", 1, "of a handler that discards"},
	{"conn.(*Peer).PushWait", "uses a channel", 1, "it returns that of the queue, for callers outside the core"},
	{"internal/sendq.(*Queue).signal", "uses a channel", 1, "to close room waits for nothing"},
	{"internal/sendq.NewPayload", "uses sync.Pool.Get", 1, "the bytes and shares of any Payload are set again"},
	{"internal/swarm.Run", "uses runtime/debug.Stack", 1, "only in the text of ErrPanic; kinds are distinguished by errors.Is"},
}

// campaign is built only for fuzzing campaigns, in place of x25519.go.
const campaign = "internal/noise/x25519_memo.go"

// TestCoreIsPure checks the pure folders by the static types of their code. It
// does not see
//
//   - the implementation behind an interface or a function value: those passed to
//     the core (Config.Rand, Logger, a Watcher, stages) are inputs, but an
//     interface{ Allow() bool } may hide a rate.Limiter as well;
//   - pointers printed through an interface, such as the value of an error or of a
//     panic, and the zone of a printed time.Time;
//   - package variables by which one run influences the next;
//   - NaN keys of maps, and ties (see exception.why);
//   - differences between machines or Go releases rather than between runs: the
//     size of int, fused floating-point operations, the capacity chosen by append;
//   - the inside of trusted functions.
func TestCoreIsPure(t *testing.T) {
	fset := token.NewFileSet()
	folders := map[string][]file{}
	for _, f := range parseModule(t, fset, parser.ParseComments|parser.SkipObjectResolution) {
		if !f.test() && f.path != campaign && matchesAny(pure, f.folder()) {
			folders[f.folder()] = append(folders[f.folder()], f)
		}
	}
	for _, p := range pure {
		require.Contains(t, folders, strings.TrimSuffix(p, "/..."))
	}

	var packages []string
	for _, p := range pure {
		packages = append(packages, "./"+p)
	}
	c := newPurity(t, fset, packages)
	var found []violation
	for folder, files := range folders {
		v, err := c.violations(modulePath+"/"+folder, files)
		require.NoError(t, err, folder)
		found = append(found, v...)
	}
	require.Empty(t, excuse(exceptions, found))
}

// A folder that does not import a confined package must not be listed for it.
func TestConfinedPackagesAreImported(t *testing.T) {
	files := parseModule(t, token.NewFileSet(), parser.ImportsOnly)
	for p, folders := range confined {
		for _, folder := range folders {
			require.True(t, slices.ContainsFunc(files, func(f file) bool {
				return !f.test() && f.folder() == folder && slices.Contains(f.imports(), p)
			}), "confined lists %s for %s, which does not import it", folder, p)
		}
	}
}

// excuse returns, as sorted text, the violations that no exception allows, and the
// exceptions whose number differs from that of the violations found.
func excuse(exceptions []exception, found []violation) (left []string) {
	times := map[[2]string]int{}
	for _, v := range found {
		times[[2]string{v.where, v.what}]++
	}
	excused := map[[2]string]bool{}
	for _, e := range exceptions {
		k := [2]string{e.where, e.what}
		if n := times[k]; n != e.times {
			left = append(left, fmt.Sprintf("%s %s %d times, not %d: correct the exception", e.where, e.what, n, e.times))
		}
		excused[k] = times[k] <= e.times
	}
	for _, v := range found {
		if !excused[[2]string{v.where, v.what}] {
			left = append(left, v.String())
		}
	}
	slices.Sort(left)
	return left
}
