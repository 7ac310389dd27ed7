package slowcall

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

// A counter reads the clock once in a stride of calls, and counts the strides that
// took more than a millisecond.
func TestCounter(t *testing.T) {
	var now pipeline.Time
	reads := 0
	clock := func() pipeline.Time { reads++; return now }
	var c Counter
	turn := func(calls int, each time.Duration) (slow uint64) {
		reads = 0
		c.Begin(now)
		for range calls {
			now += pipeline.Time(each)
			c.Called(clock)
		}
		return c.End(clock)
	}
	for _, tc := range []struct {
		calls int
		each  time.Duration
		slow  uint64
		reads int
	}{
		{0, 0, 0, 0},
		{1, time.Millisecond, 0, 1},
		{1, time.Millisecond + 1, 1, 1},
		{stride, time.Millisecond / stride, 0, 1},
		{stride, time.Millisecond/stride + 1, 1, 1},
		{stride + 1, time.Millisecond / stride, 0, 2},
		{10 * stride, time.Second, 10, 10},
		{10*stride + 1, time.Second, 11, 11},
	} {
		require.Equal(t, tc.slow, turn(tc.calls, tc.each), tc)
		require.Equal(t, tc.reads, reads, tc)
	}

	// Time between two turns does not count.
	require.Zero(t, turn(1, 0))
	now += pipeline.Time(time.Hour)
	require.Zero(t, turn(1, 0))
}
