package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A link of 1,000 bytes/s takes 100 ms for each 100 bytes, one datagram after the
// other.
func TestRate(t *testing.T) {
	wt := overLink(t, 1, Link{Rate: 1000, Queue: 500, Delay: time.Second})
	for range 10 {
		wt.send(100)
	}
	wt.w.run(t, time.Minute)
	require.Len(t, wt.came, 5)
	for i, a := range wt.came {
		require.Equal(t, i, a.number(), "the last datagrams do not fit")
		require.Equal(t, time.Second+time.Duration(i+1)*100*time.Millisecond, a.after)
	}
	require.EqualValues(t, 5, wt.stats().Overflowed)
}

// The queue empties as time passes, and has room again.
func TestRateQueueEmpties(t *testing.T) {
	wt := overLink(t, 1, Link{Rate: 1000, Queue: 500})
	for range 6 {
		wt.send(100)
	}
	require.EqualValues(t, 1, wt.stats().Overflowed)
	wt.w.run(t, 99*time.Millisecond)
	wt.send(100)
	require.EqualValues(t, 2, wt.stats().Overflowed)
	wt.w.run(t, time.Millisecond)
	wt.send(100)
	require.EqualValues(t, 2, wt.stats().Overflowed)
	wt.w.run(t, time.Minute)
	require.EqualValues(t, 6, wt.stats().Arrived)
}

func TestRateIdleLinkTakesAnyLength(t *testing.T) {
	wt := overLink(t, 1, Link{Rate: 1000, Queue: 50})
	wt.send(200)
	wt.send(16)
	wt.w.run(t, time.Minute)
	require.Equal(t, LinkStats{Sent: 2, SentBytes: 216, Arrived: 1, Overflowed: 1}, wt.stats())
	require.Equal(t, 200*time.Millisecond, wt.came[0].after)
}

func TestRateDefaultQueue(t *testing.T) {
	wt := overLink(t, 1, Link{Rate: 1 << 16})
	for range 1000 {
		wt.send(1 << 10)
	}
	wt.w.run(t, time.Minute)
	require.EqualValues(t, DefaultQueue>>10, wt.stats().Arrived)
	require.Equal(t, time.Second, wt.came[len(wt.came)-1].after)
}

// The product of the largest numbers exceeds 64 bits.
func TestRateExtremes(t *testing.T) {
	require.EqualValues(t, 1e9*65507, timeFor(65507, 1))
	require.EqualValues(t, 1e9, timeFor(mostBytes, mostBytes))
	require.EqualValues(t, 1, timeFor(1, mostBytes))
	require.EqualValues(t, mostBytes*int64(time.Second), timeFor(mostBytes, 1))
}
