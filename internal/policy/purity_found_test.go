package policy

import (
	"fmt"
	"go/token"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// snippet is a source on which the checker is tested: the body of a function, its
// imports, and declarations before it. want is part of the expected violation, or
// empty if none is expected.
type snippet struct{ name, imports, declared, body, want string }

// snippets are compiled but never run.
var snippets = []snippet{
	// Time.
	{"clock", `"time"`, ``, `_ = time.Now()`, "uses time.Now"},
	{"renamed clock", `clock "time"`, ``, `_ = clock.Since(clock.Time{})`, "uses time.Since"},
	{"dot clock", `. "time"`, ``, `Sleep(1)`, "uses time.Sleep"},
	{"clock as value", `"time"`, ``, `now := time.Now; _ = now`, "uses time.Now"},
	{"clock in a package variable", `"time"`, `var now = time.Now`, ``, "p.now uses time.Now"},
	{"clock in parentheses", `"time"`, ``, `_ = (time.Now)()`, "uses time.Now"},
	{"clock of a generic function", `"time"`, `func g[T any](T) { _ = time.Now() }`, ``, "p.g uses time.Now"},
	{"timer", `"time"`, ``, `time.NewTimer(1)`, "uses time.NewTimer"},
	{"goroutine of a timer", `"time"`, ``, `time.AfterFunc(1, nil)`, "uses time.AfterFunc"},
	{"the machine's zone", `"time"`, ``, `_ = time.Local`, "uses time.Local"},
	{"an hour in the machine's zone", `"time"`, ``, `_ = time.Unix(0, 0).Hour()`, "uses time.Time.Hour"},
	{"Limiter.Allow", `"golang.org/x/time/rate"`, ``, `var l *rate.Limiter; l.Allow()`, "uses golang.org/x/time/rate.Limiter.Allow"},
	{"Limiter.Tokens", `"golang.org/x/time/rate"`, ``, `var l *rate.Limiter; l.Tokens()`, "rate.Limiter.Tokens"},
	{"Limiter.Reserve", `"golang.org/x/time/rate"`, ``, `var l *rate.Limiter; l.Reserve()`, "rate.Limiter.Reserve"},
	{"Limiter.Wait", `"context"; "golang.org/x/time/rate"`, ``, `var l *rate.Limiter; l.Wait(context.Background())`, "rate.Limiter.Wait"},
	{"Limiter.WaitN", `"golang.org/x/time/rate"`, ``, `var l *rate.Limiter; l.WaitN(nil, 1)`, "rate.Limiter.WaitN"},
	{"Limiter.SetLimit", `"golang.org/x/time/rate"`, ``, `var l *rate.Limiter; l.SetLimit(1)`, "rate.Limiter.SetLimit"},
	{"Limiter.SetBurst", `"golang.org/x/time/rate"`, ``, `var l *rate.Limiter; l.SetBurst(1)`, "rate.Limiter.SetBurst"},
	{"Limiter.Allow as value", `"golang.org/x/time/rate"`, ``, `_ = (*rate.Limiter).Allow`, "rate.Limiter.Allow"},
	{"Limiter.Allow, promoted", `"golang.org/x/time/rate"`, `type mine struct{ *rate.Limiter }`, `mine{}.Allow()`, "rate.Limiter.Allow"},
	{"Reservation.Delay", `"golang.org/x/time/rate"`, ``, `var r *rate.Reservation; r.Delay()`, "rate.Reservation.Delay"},
	{"Reservation.Cancel", `"golang.org/x/time/rate"`, ``, `var r *rate.Reservation; r.Cancel()`, "rate.Reservation.Cancel"},
	{"Sometimes", `"golang.org/x/time/rate"`, ``, `var s rate.Sometimes; s.Do(nil)`, "rate.Sometimes.Do"},

	// Randomness.
	{"math/rand", `"math/rand"`, ``, `_ = rand.Int()`, "imports math/rand"},
	{"math/rand/v2", `"math/rand/v2"`, ``, `_ = rand.Int()`, "imports math/rand/v2"},
	{"the process's source", `"math/rand/v2"`, ``, `_ = rand.Int()`, "uses math/rand/v2.Int"},
	{"the process's source, generic", `"math/rand/v2"`, ``, `_ = rand.N[int](3)`, "uses math/rand/v2.N"},
	{"crypto/rand", `"crypto/rand"`, ``, `_ = rand.Reader`, "imports crypto/rand"},
	{"blank import", `_ "math/rand"`, ``, ``, "imports math/rand"},
	{"hash seed", `"hash/maphash"`, ``, `_ = maphash.MakeSeed()`, "imports hash/maphash"},
	{"ecdh.GenerateKey", `"crypto/ecdh"; "io"`, ``, `var given io.Reader; ecdh.X25519().GenerateKey(given)`, "uses crypto/ecdh.Curve.GenerateKey"},
	{"ecdh.GenerateKey as value", `"crypto/ecdh"`, ``, `make := ecdh.P256().GenerateKey; _ = make`, "uses crypto/ecdh.Curve.GenerateKey"},
	{"ecdsa.Sign", `"crypto/ecdsa"; "io"`, ``, `var given io.Reader; ecdsa.Sign(given, nil, nil)`, "uses crypto/ecdsa.Sign"},
	{"ed25519.GenerateKey", `"crypto/ed25519"`, ``, `ed25519.GenerateKey(nil)`, "imports crypto/ed25519"},
	{"rsa", `"crypto/rsa"`, ``, `rsa.SignPKCS1v15(nil, nil, 0, nil)`, "imports crypto/rsa"},
	{"mlkem", `"crypto/mlkem"`, ``, `mlkem.GenerateKey768()`, "imports crypto/mlkem"},
	{"crypto.Signer", `"crypto"`, ``, `var s crypto.Signer; s.Sign(nil, nil, nil)`, "uses crypto.Signer.Sign"},
	{"GCM with random nonces", `"crypto/cipher"`, ``, `cipher.NewGCMWithRandomNonce(nil)`, "uses crypto/cipher.NewGCMWithRandomNonce"},
	{"flynn's own function", `"github.com/flynn/noise"`, ``, `_ = noise.DH25519`, "uses github.com/flynn/noise.DH25519"},

	// Goroutines and waiting.
	{"lock", `"sync"`, ``, `var mu sync.Mutex; mu.Lock()`, "imports sync"},
	{"TryLock", `"sync"`, ``, `var mu sync.Mutex; mu.TryLock()`, "uses sync.Mutex.TryLock"},
	{"pool", `"sync"`, ``, `var p sync.Pool; p.Get()`, "uses sync.Pool.Get"},
	{"sync.Map", `"sync"`, ``, `var m sync.Map; m.Range(nil)`, "uses sync.Map.Range"},
	{"WaitGroup.Go", `"sync"`, ``, `var g sync.WaitGroup; g.Go(nil)`, "uses sync.WaitGroup.Go"},
	{"goroutine", ``, ``, `go func() {}()`, "starts a goroutine"},
	{"io.Pipe", `"io"`, ``, `io.Pipe()`, "uses io.Pipe"},
	{"send", ``, ``, `var c chan int; c <- 1`, "uses a channel"},
	{"receive", ``, ``, `f := func(c interface{ C() <-chan int }) { <-c.C() }; f(nil)`, "uses a channel"},
	{"receive of a timer", `"time"`, ``, `var t time.Timer; <-t.C`, "uses a channel"},
	{"close", ``, `type c struct{ c chan int }`, `var x c; close(x.c)`, "p.f uses a channel"},
	{"len of a channel", `"time"`, ``, `var t time.Timer; _ = len(t.C)`, "uses a channel"},
	{"range over channel", `"time"`, ``, `var t time.Timer; for range t.C {}`, "uses a channel"},
	{"range over channel of a type parameter", `"time"`, `func g[C ~<-chan time.Time](c C) { for range c {} }`, ``, "p.g uses a channel"},
	{"select", ``, ``, `select {}`, "uses a channel"},
	{"select of two that are ready", `"time"`, ``, `var t, u time.Timer; select { case <-t.C: case <-u.C: }`, "uses a channel"},

	// The order of maps.
	{"range over map", ``, ``, `for range map[int]int{} { }`, "ranges over a map"},
	{"range over named map", ``, ``, `type m map[int]int; var v m; for k := range v { _ = k }`, "ranges over a map"},
	{"range over map of a type parameter", ``, `func g[M ~map[int]int](m M) (n int) { for range m { n++ }; return n }`, ``, "p.g ranges over a map"},
	{"range over map of a constraint in a constraint", ``,
		`type a interface{ ~map[int]int }; type b interface{ a }; func g[T interface{ b }](m T) { for range m { } }`, ``, "ranges over a map"},
	{"range over map, sorted keys inside", `"maps"; "slices"`, ``,
		`for _, m := range map[int]map[int]int{} { for range slices.Sorted(maps.Keys(m)) {} }`, "ranges over a map"},
	{"range over map inside Sorted", `"slices"`, ``,
		`_ = slices.Sorted(func(y func(int) bool) { for k := range map[int]int{} { y(k) } })`, "ranges over a map"},
	{"sort of ties", `"slices"`, ``, `var a []int; for k := range map[int]int{} { a = append(a, k) }
		slices.SortFunc(a, func(a, b int) int { return a%2 - b%2 })`, "ranges over a map"},
	{"maps.Keys", `"maps"`, ``, `for k := range maps.Keys(map[int]int{}) { _ = k }`, "uses maps.Keys"},
	{"maps.All", `"maps"`, ``, `all := maps.All[map[int]int]; _ = all`, "uses maps.All"},
	{"maps.Values, collected", `"maps"; "slices"`, ``, `_ = slices.Collect(maps.Values(map[int]int{}))`, "uses maps.Values"},
	{"the first key, sorted", `"iter"; "maps"; "slices"`, `func first(s iter.Seq[int]) iter.Seq[int] { return s }`,
		`_ = slices.Sorted(first(maps.Keys(map[int]int{})))`, "uses maps.Keys"},
	{"keys inside a function inside Sorted", `"iter"; "maps"; "slices"`, ``,
		`_ = slices.Sorted(func() iter.Seq[int] { s := maps.Keys(map[int]int{}); for range s { break }; return s }())`, "uses maps.Keys"},
	{"keys next to Sorted", `"maps"; "slices"`, ``,
		`_ = append(slices.Sorted(maps.Keys(map[int]int{})), slices.Collect(maps.Keys(map[int]int{}))...)`, "uses maps.Keys"},
	{"sorted keys of a map of iterators", `"iter"; "maps"; "slices"`, ``,
		`_ = slices.Sorted(slices.Values(slices.Collect(maps.Keys(map[int]iter.Seq[int]{}))))`, "uses maps.Keys"},
	{"SortedFunc with ties", `"maps"; "slices"`, ``,
		`_ = slices.SortedFunc(maps.Keys(map[int]int{}), func(a, b int) int { return a%2 - b%2 })`, "uses maps.Keys"},
	{"SortedStableFunc", `"cmp"; "maps"; "slices"`, ``, `_ = slices.SortedStableFunc(maps.Values(map[int]int{}), cmp.Compare[int])`, "uses maps.Values"},
	{"sorted 0 and -0", `"maps"; "slices"`, ``, `_ = slices.Sorted(maps.Values(map[int]float64{}))`, "uses maps.Values"},
	{"another function named Sorted", `"iter"; "maps"`, `func Sorted(s iter.Seq[int]) iter.Seq[int] { return s }`, `_ = Sorted(maps.Keys(map[int]int{}))`, "uses maps.Keys"},
	{"DeleteFunc with a side effect", `"maps"`, ``, `n := 0; maps.DeleteFunc(map[int]int{}, func(int, int) bool { n++; return n > 1 })`, "uses maps.DeleteFunc"},
	{"DeleteFunc with a call", `"maps"`, `func g(int) bool`, `maps.DeleteFunc(map[int]int{}, func(k, _ int) bool { return g(k) })`, "uses maps.DeleteFunc"},
	{"DeleteFunc that may panic", `"maps"`, ``, `maps.DeleteFunc(map[int]int{}, func(k, v int) bool { return k/v > 1 })`, "uses maps.DeleteFunc"},
	{"DeleteFunc with a named function", `"maps"`, `func g(k, v int) bool { return k > v }`, `maps.DeleteFunc(map[int]int{}, g)`, "uses maps.DeleteFunc"},
	{"EqualFunc", `"maps"`, ``, `maps.EqualFunc(map[int]int{}, map[int]int{}, func(a, b int) bool { return a == b })`, "uses maps.EqualFunc"},
	{"MapRange", `"reflect"`, ``, `reflect.ValueOf(1).MapRange()`, "uses reflect.Value.MapRange"},
	{"MapKeys", `"reflect"`, ``, `reflect.ValueOf(1).MapKeys()`, "uses reflect.Value.MapKeys"},
	{"Value.Seq", `"reflect"`, ``, `for range reflect.ValueOf(1).Seq() {}`, "uses reflect.Value.Seq"},
	{"Value.Seq2", `"reflect"`, ``, `for range reflect.ValueOf(1).Seq2() {}`, "imports reflect"},

	// The machine and addresses.
	{"NumGoroutine", `"runtime"`, ``, `runtime.NumGoroutine()`, "uses runtime.NumGoroutine"},
	{"MemStats", `"runtime"`, ``, `var m runtime.MemStats; _ = m`, "imports runtime"},
	{"GOMAXPROCS", `"runtime"`, ``, `runtime.GOMAXPROCS(0)`, "uses runtime.GOMAXPROCS"},
	{"stack", `"runtime/debug"`, ``, `debug.Stack()`, "uses runtime/debug.Stack"},
	{"environment", `"os"`, ``, `os.Getenv("X")`, "imports os"},
	{"address as number", `"unsafe"`, ``, `var x int; _ = uintptr(unsafe.Pointer(&x))`, "imports unsafe"},
	{"function without a body", ``, `func g() int`, ``, "p.g has no body in Go"},
	{"standard output", `"fmt"`, ``, `fmt.Println(1)`, "uses fmt.Println"},
	{"println", ``, ``, `println(1)`, "uses println"},
	{"%p", `"fmt"`, ``, `_ = fmt.Sprintf("%d%%, %-8p", 1, any(nil))`, "prints an address"},
	{"%p in a constant", ``, `const format = "at %p"`, ``, "p.format prints an address"},
	{"%v of a pointer", `"fmt"`, ``, `var x *int; _ = fmt.Sprintf("%v", x)`, "prints an address: *int"},
	{"pointer in a struct", `"fmt"`, `type t struct{ n int; next *t }`, `_ = fmt.Sprint(&t{})`, "prints an address: *t"},
	{"pointer in an unexported field", `"fmt"; "net/netip"`, `type t struct{ addr netip.Addr }`, `_ = fmt.Sprint(t{})`, "prints an address: t"},
	{"pointer as key", `"fmt"`, ``, `_ = fmt.Errorf("%v", map[*int]bool{})`, "prints an address"},
	{"pointers in a slice", `"fmt"`, `type t struct{}`, `_ = fmt.Sprint([]*t{})`, "prints an address"},
	{"channel or function", `"fmt"`, ``, `_ = fmt.Sprint(func() {})`, "prints an address"},
	{"pointer passed to a variadic function of ours", ``, `func say(format string, values ...any) {}`, `var x *int; say("%v", x)`, "prints an address"},
	{"pointer in a log", `"log/slog"`, ``, `var l *slog.Logger; var x *int; l.Info("x", "x", x)`, "prints an address"},
	{"default logger", `"log/slog"`, ``, `slog.Info("x")`, "uses log/slog.Info"},
	{"Logger.Enabled", `"log/slog"`, ``, `var l *slog.Logger; l.Enabled(nil, 0)`, "uses log/slog.Logger.Enabled"},
	{"impure package of this module", `"` + modulePath + `/udp"`, ``, `var c udp.Config; _ = c`, "imports " + modulePath + "/udp"},

	{"durations", `"time"`, ``, `_ = 3 * time.Second; _ = time.Duration(4).String()`, ""},
	{"method After of a Time", `"time"`, ``, `_ = time.Unix(1, 0).After(time.Time{})`, ""},
	{"a type with a method Now", ``, `type clock struct{}; func (clock) Now() int { return 0 }`, `clock{}.Now()`, ""},
	{"Limiter with the time passed", `"golang.org/x/time/rate"; "time"`, ``,
		`l := rate.NewLimiter(1, 1); l.AllowN(time.Time{}, 1); l.TokensAt(time.Time{}); l.ReserveN(time.Time{}, 1).DelayFrom(time.Time{}); _ = l.Burst()`, ""},
	{"key of given bytes", `"crypto/ecdh"`, ``, `k, _ := ecdh.X25519().NewPrivateKey(nil); _, _ = k.ECDH(k.PublicKey())`, ""},
	{"AEAD", `"crypto/aes"; "crypto/cipher"`, ``, `b, _ := aes.NewCipher(nil); a, _ := cipher.NewGCM(b); a.Seal(nil, nil, nil, nil)`, ""},
	{"hash", `"crypto/sha256"`, ``, `h := sha256.New(); h.Write(nil); h.Sum(nil)`, ""},
	{"randomness from a parameter", `"io"`, ``, `var given io.Reader; _, _ = io.ReadFull(given, nil)`, ""},
	{"atomic", `"sync/atomic"`, ``, `var n atomic.Uint64; n.Add(1)`, ""},
	{"sorted keys", `"maps"; "slices"`, ``, `for _, k := range slices.Sorted(maps.Keys(map[int]int{})) { _ = k }`, ""},
	{"sorted keys, instantiated", `"maps"; "slices"`, ``, `_ = slices.Sorted[string]((maps.Keys[map[string]int](nil)))`, ""},
	{"sorted keys of a type parameter", `"maps"; "slices"`, `func g[K ~int | ~string](m map[K]int) []K { return slices.Sorted(maps.Keys(m)) }`, ``, ""},
	{"DeleteFunc with a condition", `"maps"`, `type t struct{ n int; s string }`,
		`limit := 3; maps.DeleteFunc(map[int]t{}, func(k int, v t) bool { return k > limit && !(v.n+1 == 2) || len(v.s) == 0 })`, ""},
	{"maps.Clone", `"maps"`, ``, `_ = maps.Clone(map[int]int{})`, ""},
	{"range over slice, function, number", ``, ``, `for range []int{1} {}; for range func(func() bool) {} {}; for range 3 {}`, ""},
	{"look-up in map", ``, ``, `m := map[int]int{}; _ = m[1]; delete(m, 1); clear(m); _ = len(m)`, ""},
	{"percent", `"fmt"`, ``, `_ = fmt.Sprintf("100%%pure, 5% packets, %d", 1)`, ""},
	{"pointer with a String method", `"fmt"`, `type t struct{ next *t }; func (*t) String() string { return "" }`, `_ = fmt.Sprint(&t{}, []*t{})`, ""},
	{"error", `"errors"; "fmt"`, ``, `_ = fmt.Errorf("%w: %v", errors.New("x"), error(nil))`, ""},
	{"struct without pointers", `"fmt"; "net/netip"`, `type t struct{ Addr netip.Addr; m map[string][]byte }`, `_ = fmt.Sprintf("%+v", &t{})`, ""},
	{"pointer to scan into", `"fmt"`, ``, `var x int; _, _ = fmt.Sscanf("1", "%d", &x)`, ""},
	{"pointer that is not printed", ``, `type t struct{ next *t }; func g(...*t) {}`, `g(&t{})`, ""},
	{"log", `"log/slog"`, ``, `var l *slog.Logger; l.Info("x", "n", 1)`, ""},
	{"pure package of this module", `"` + modulePath + `/wire"`, ``, `_, _ = wire.ParseHeader(nil)`, ""},
}

func (s snippet) source() string {
	return fmt.Sprintf("package p\nimport (%s)\n%s\nfunc f() { %s }\n", s.imports, s.declared, s.body)
}

func TestPurityViolationsAreFound(t *testing.T) {
	fset := token.NewFileSet()
	var files []file
	var imports []string
	for _, s := range snippets {
		f := parseSource(t, fset, s.name, s.source())
		files, imports = append(files, f), append(imports, f.imports()...)
	}
	slices.Sort(imports)
	c := newPurity(t, fset, slices.Compact(imports))
	for i, s := range snippets {
		found, err := c.violations("p", files[i:i+1])
		require.NoError(t, err, "%s\n%s", s.name, s.source())
		if s.want == "" {
			require.Empty(t, found, s.name)
			continue
		}
		require.Contains(t, strings.Join(excuse(nil, found), "; "), s.want, s.name)
	}
}

// An exception applies to an exact number of violations of one kind in one
// declaration. Methods of the same name are different declarations.
func TestPurityExceptionsAreNarrow(t *testing.T) {
	const source = `package p
		type (
			a struct{}
			b[K comparable, V any] struct{ m map[K]V }
		)
		func (a) each(m map[int]int) { for range m {} }
		func (b *b[K, V]) each()     { for range b.m {} }
		func each(m map[int]int)     { for range m {}; for range m {} }`
	const ranges = "ranges over a map"
	for _, tc := range []struct {
		name       string
		exceptions []exception
		left       []string // parts of what is left, in order
	}{
		{"none", nil, []string{"p.a.each " + ranges, "p.(*b).each " + ranges, "p.each " + ranges, "p.each " + ranges}},
		{"value receiver", []exception{{"p.a.each", ranges, 1, ""}}, []string{"p.(*b).each", "p.each", "p.each"}},
		{"pointer receiver", []exception{{"p.(*b).each", ranges, 1, ""}}, []string{"p.a.each", "p.each", "p.each"}},
		{"all", []exception{{"p.a.each", ranges, 1, ""}, {"p.(*b).each", ranges, 1, ""}, {"p.each", ranges, 2, ""}}, nil},
		{"too few allowed", []exception{{"p.a.each", ranges, 1, ""}, {"p.(*b).each", ranges, 1, ""}, {"p.each", ranges, 1, ""}},
			[]string{"p.each ranges over a map 2 times, not 1", "p.go", "p.go"}},
		{"too many allowed", []exception{{"p.a.each", ranges, 2, ""}, {"p.(*b).each", ranges, 1, ""}, {"p.each", ranges, 2, ""}},
			[]string{"p.a.each ranges over a map 1 times, not 2"}},
		{"another violation", []exception{{"p.a.each", "uses time.Now", 1, ""}, {"p.(*b).each", ranges, 1, ""}, {"p.each", ranges, 2, ""}},
			[]string{"p.a.each uses time.Now 0 times", "p.a.each " + ranges}},
		{"another package", []exception{{"q.each", ranges, 1, ""}}, []string{"p.a.each", "p.(*b).each", "p.each", "p.each", "q.each"}},
	} {
		fset := token.NewFileSet()
		c := &purity{fset: fset}
		found, err := c.violations("p", []file{parseSource(t, fset, "p.go", source)})
		require.NoError(t, err)
		left := excuse(tc.exceptions, found)
		require.Len(t, left, len(tc.left), tc.name)
		for i, part := range tc.left {
			require.Contains(t, left[i], part, tc.name)
		}
	}
}

// A confined package may be imported in the folders listed for it and nowhere
// else.
func TestConfinedPackages(t *testing.T) {
	for _, tc := range []struct {
		folder, imports string
		ok              bool
	}{
		{"sim", "math/rand/v2", true},
		{"conn", "math/rand/v2", false},
		{"sim/script", "math/rand/v2", false},
		{"internal/sendq", "sync", true},
		{"conn", "sync", false},
		{"internal/swarm", modulePath, true},
		{"conn", modulePath, false},
		{"conn", modulePath + "/wire", true},
		{"sim", modulePath + "/internal/keyledger", true},
		{"sim", modulePath + "/recording", false},
		{"sim", modulePath + "/internal/policy", false},
		{"conn", "reflect", false},
	} {
		require.Equal(t, tc.ok, importable(tc.folder, tc.imports), "%s imports %s", tc.folder, tc.imports)
	}
}
