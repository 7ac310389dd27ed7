package intentra

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

// The watchdog reads the clock once a stride, and counts strides that took
// over a millisecond.
func TestWatchdog(t *testing.T) {
	var now pipeline.Time
	reads := 0
	clock := func() pipeline.Time { reads++; return now }
	var w watchdog
	turn := func(calls int, each time.Duration) (slow uint64) {
		reads = 0
		w.begin(now)
		for range calls {
			now += pipeline.Time(each)
			w.called(clock)
		}
		return w.end(clock)
	}
	for _, c := range []struct {
		calls int
		each  time.Duration
		slow  uint64
		reads int
	}{
		{0, 0, 0, 0},
		{1, time.Millisecond, 0, 1},
		{1, time.Millisecond + 1, 1, 1},
		{watchStride, time.Millisecond / watchStride, 0, 1},
		{watchStride, time.Millisecond/watchStride + 1, 1, 1},
		{watchStride + 1, time.Millisecond / watchStride, 0, 2},
		{10 * watchStride, time.Second, 10, 10},
		{10*watchStride + 1, time.Second, 11, 11},
	} {
		require.Equal(t, c.slow, turn(c.calls, c.each), c)
		require.Equal(t, c.reads, reads, c)
	}

	// What passes between two turns is not the Handler's.
	require.Zero(t, turn(1, 0))
	now += pipeline.Time(time.Hour)
	require.Zero(t, turn(1, 0))
}
