// Package seed seeds the random generators of tests, and logs the seeds.
package seed

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// Rand returns a generator with a random seed, and logs the seed. To repeat a
// failed test, set the environment variable INTENTRA_SEED to the logged seed.
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
