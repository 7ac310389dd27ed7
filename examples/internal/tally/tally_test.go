package tally

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestQuantiles(t *testing.T) {
	require.Zero(t, Times(nil).Quantile(0.5))
	var times Times
	for i := range 100 {
		times = append(times, time.Duration(100-i)*time.Millisecond)
	}
	require.Equal(t, 51*time.Millisecond, times.Quantile(0.5))
	require.Equal(t, 100*time.Millisecond, times.Quantile(0.99))
	require.Equal(t, "p50 51ms, p99 100ms, max 100ms", times.String())
}

func TestReport(t *testing.T) {
	var r Report
	r.Row("delivered", "%d of %d", 3, 4)
	r.Row("age", "%v", time.Second)
	var b strings.Builder
	require.NoError(t, r.Write(&b))
	require.Equal(t, "delivered  3 of 4\nage        1s\n", b.String())
	r.Require(true, "not seen")
	require.NoError(t, r.Err())
	r.Require(false, "%d missing", 1)
	require.EqualError(t, r.Err(), "1 missing")
}

func TestMap(t *testing.T) {
	require.Equal(t, "  b\n\na\n", Map([]Point{{0, 0, 'a'}, {10, 10, 'b'}}, 3, 3))
	require.Equal(t, "\nx\n", Map([]Point{{5, 5, 'x'}}, 3, 2))
	require.Empty(t, Map(nil, 3, 3))
}
