// Package seed gives random tests a seed that is logged and can be repeated.
package seed

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// Rand returns the generator of one random test and logs its seed. The
// environment variable INTENTRA_SEED replaces it, to repeat a failure.
func Rand(t testing.TB) *rand.Rand {
	t.Helper()
	n := rand.Uint64()
	if s := os.Getenv("INTENTRA_SEED"); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("INTENTRA_SEED: %v", err)
		}
	}
	t.Logf("INTENTRA_SEED=%d", n)
	return rand.New(rand.NewPCG(n, 0))
}
