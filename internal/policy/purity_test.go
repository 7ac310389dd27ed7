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

// pure are the folders whose code must do the same whenever it is given the
// same inputs at the same times.
var pure = []string{"pipeline", "wire", "stages/...", "conn", "internal/noise", "internal/fair", "internal/addrhash", "internal/list", "internal/ring",
	"internal/sendq", "internal/keyledger", "sim/..."}

// trusted are the other packages that these may use, each with patterns of the
// functions and methods in it that depend on nothing but what they are given. A
// pattern that begins with ! takes names out again, variables too. Of a package
// that is not here they may use nothing: reflect ranges over maps, runtime
// counts goroutines, unsafe makes numbers of addresses, and most of crypto/...
// has randomness of its own; since Go 1.26 much of it ignores the reader that it
// is given.
var trusted = map[string][]string{
	"bufio":          {"*"},
	"bytes":          {"*"},
	"cmp":            {"*"},
	"container/list": {"*"},
	"crypto/aes":     {"*"},
	"crypto/cipher":  {"*", "!NewGCMWithRandomNonce"},
	// Not Curve.GenerateKey, one of those that ignore their reader.
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
	"iter":            {}, // types alone
	// They read the clock for the record that the user's handler is given.
	// Nothing of it comes back, as from Enabled it would.
	"log/slog": {"Logger.Debug", "Logger.Info", "Logger.Warn", "Logger.Error"},
	// What yields in the order of a map is for visitor.mapOrder to judge.
	"maps":      {"Clone", "Collect", "Copy", "Equal", "Insert"},
	"math":      {"*"},
	"math/bits": {"*"},
	// Not those that draw from the process's source.
	"math/rand/v2": {"New", "NewChaCha8", "NewPCG", "Rand.*", "ChaCha8.*", "PCG.*", "Source.*"},
	"net/netip":    {"*"},
	"regexp":       {"*"},
	// The stack of a panic has addresses and the number of a goroutine in it.
	"runtime/debug": {},
	"slices":        {"*"},
	"strconv":       {"*"},
	"strings":       {"*"},
	// Not Pool.Get, whose answer depends on the collector, nor Map.Range, nor
	// WaitGroup.Go, nor what waits for another than the holder of a lock.
	"sync": {"Mutex.Lock", "Mutex.Unlock", "Pool.Put"},
	// It waits for nothing. What another goroutine has stored shows, of course;
	// in internal/sendq that is what a Watcher is for.
	"sync/atomic": {"*"},
	// Of a Time only what does not depend on its zone: Unix gives it that of the
	// machine.
	"time": {"Duration.*", "ParseDuration", "Unix", "UnixMilli", "UnixMicro", "Time.Add", "Time.Sub", "Time.After", "Time.Before",
		"Time.Compare", "Time.Equal", "Time.IsZero", "Time.Unix*", "Time.UTC", "!Local"},

	"github.com/flynn/noise":               {"*", "!DH25519"}, // which draws from crypto/rand unless told otherwise
	"golang.org/x/crypto/blake2s":          {"*"},
	"golang.org/x/crypto/chacha20poly1305": {"*"},
	"golang.org/x/time/rate":               rateGivenTime,
	modulePath:                             {"AllowAny", "Config.Core"},
}

// rateGivenTime are the functions and methods of golang.org/x/time/rate that
// take the time from the caller, or need none. The others call time.Now.
var rateGivenTime = []string{"NewLimiter", "Every", "Limiter.AllowN", "Limiter.ReserveN", "Limiter.TokensAt", "Limiter.SetLimitAt",
	"Limiter.SetBurstAt", "Limiter.Limit", "Limiter.Burst", "Reservation.OK", "Reservation.DelayFrom", "Reservation.CancelAt"}

// confined are the trusted packages that not every folder may import.
var confined = map[string][]string{
	"math/rand/v2":  {"sim", "sim/swarm"},                     // sources of their own, from the seed
	"runtime/debug": {"sim/swarm"},                            // see exceptions
	"sync":          {"internal/sendq", "internal/keyledger"}, // what goroutines of the user or of tests share
	modulePath:      {"sim", "sim/script", "sim/swarm"},       // its types; it is not pure
}

// exception is a violation that does not show in what the core puts out.
type exception struct {
	where string // the declaration, with its receiver: names of methods occur twice
	what  string
	times int // exactly
	// why it does not show. Of what is collected from a map and sorted it must
	// say why no two are equal: these stay in the map's order, which the
	// checker cannot see.
	why string
}

var exceptions = []exception{
	{"pipeline.(*Builder).checkGuards", "ranges over a map", 1, "the texts are sorted, and equal texts are the same, before the first is shown"},
	{"conn.(*Endpoint).sortedPeers", "ranges over a map", 1, "the peers are sorted by both keys, which together are the map's"},
	{"conn.(*Endpoint).OldestRekey", "ranges over a map", 1, "it returns the least of times, the same in any order"},
	{"internal/sendq.Queue", "uses a channel", 1, "room, which callers outside the core wait for; the core only closes it"},
	{"internal/sendq.(*Queue).PushWait", "uses a channel", 2, "it is for callers outside the core: it makes room and does not wait itself"},
	{"conn.(*Peer).PushWait", "uses a channel", 1, "it returns that of the queue, for callers outside the core"},
	{"internal/sendq.(*Queue).signal", "uses a channel", 1, "to close room waits for nothing"},
	{"internal/sendq.NewPayload", "uses sync.Pool.Get", 1, "whichever Payload comes, its bytes and shares are set anew"},
	{"sim/swarm.Run", "uses runtime/debug.Stack", 1, "only in the text of ErrPanic; kinds are told by errors.Is"},
}

// campaign is a file that only fuzzing campaigns build, in place of x25519.go.
const campaign = "internal/noise/x25519_memo.go"

// TestCoreIsPure goes by the declared types of what the code names. It does not
// see
//
//   - what stands behind an interface or a function value: those that the core
//     is given (Config.Rand, Logger, a Watcher, stages) are inputs, but an
//     interface{ Allow() bool } may hide a rate.Limiter as well;
//   - pointers that are printed out of an interface, such as the values of an
//     error or of a panic; and the zone of a time.Time that is printed;
//   - variables of a package in which one run leaves something for the next;
//   - keys of a map that are NaN, and ties (see exception.why);
//   - what differs between machines or Go releases, not between runs: the size
//     of int, fused floating-point operations, the capacity that append chooses;
//   - what trusted packages do in the functions that are trusted.
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

// A folder that does not import the package (any more) needs no permission.
func TestConfinedPackagesAreImported(t *testing.T) {
	files := parseModule(t, token.NewFileSet(), parser.ImportsOnly)
	for p, folders := range confined {
		for _, folder := range folders {
			require.True(t, slices.ContainsFunc(files, func(f file) bool {
				return !f.test() && f.folder() == folder && slices.Contains(f.imports(), p)
			}), "%s does not import %s", folder, p)
		}
	}
}

// excuse returns, in words and sorted, the violations without those that
// exceptions allow, and the exceptions that do not fit what was found.
func excuse(exceptions []exception, found []violation) (left []string) {
	times := map[[2]string]int{}
	for _, v := range found {
		times[[2]string{v.where, v.what}]++
	}
	excused := map[[2]string]bool{}
	for _, e := range exceptions {
		k := [2]string{e.where, e.what}
		if n := times[k]; n != e.times {
			left = append(left, fmt.Sprintf("%s %s %d times, not %d: mend the exception", e.where, e.what, n, e.times))
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
