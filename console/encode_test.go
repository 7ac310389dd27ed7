package console

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Numbers are rounded, and as short as they can be.
func TestAppendNumber(t *testing.T) {
	for _, c := range []struct {
		v      float64
		digits int
		want   string
	}{
		{0, 3, "0"}, {-0.0004, 3, "0"}, {1, 0, "1"}, {-1.5, 0, "-2"}, {1.2345, 3, "1.235"}, {1.0004, 3, "1"}, {0.05, 3, "0.05"}, {-0.1, 3, "-0.1"},
		{12.3, 3, "12.3"}, {99.999, 2, "100"}, {-7.007, 3, "-7.007"}, {math.NaN(), 1, "null"}, {math.Inf(-1), 1, "null"},
		{math.MaxUint64, 0, "18446744073709552000"}, {1e300, 3, "1" + strings.Repeat("0", 300)},
	} {
		require.Equal(t, c.want, string(appendNumber(nil, c.v, c.digits)), c.v)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		v, digits := math.Ldexp(r.Float64()-0.5, r.IntN(30)), r.IntN(4)
		got, err := strconv.ParseFloat(string(appendNumber(nil, v, digits)), 64)
		require.NoError(t, err)
		require.InDelta(t, v, got, 0.5001*math.Pow10(-digits), "%v %d", v, digits)
	}
}
