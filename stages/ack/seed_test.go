package ack

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// newRand returns the generator of one random test and logs its seed, which
// INTENTRA_SEED replaces to repeat a failure.
func newRand(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	if s := os.Getenv("INTENTRA_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("INTENTRA_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
