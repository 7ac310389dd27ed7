package load

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Drain ends when everything has arrived, when nothing arrives any more, or at
// its limit.
func TestDrain(t *testing.T) {
	const quiet, limit = 150 * time.Millisecond, 5 * time.Second
	for _, tc := range []struct {
		name        string
		count       func(elapsed time.Duration) uint64
		least, most time.Duration
	}{
		{"all arrived", func(time.Duration) uint64 { return 100 }, 0, 0},
		{"all arrive", func(d time.Duration) uint64 { return uint64(d / (20 * time.Millisecond)) }, 2 * time.Second, 2020 * time.Millisecond},
		{"the rest is lost", func(d time.Duration) uint64 { return min(90, uint64(d/(10*time.Millisecond))) }, 1050 * time.Millisecond, 1070 * time.Millisecond},
		{"too slow", func(d time.Duration) uint64 { return uint64(d / (100 * time.Millisecond)) }, limit, limit + quiet},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := Now()
				err := Drain(t.Context(), 100, quiet, limit, func() (uint64, error) { return tc.count(Now() - start), nil })
				require.NoError(t, err)
				require.GreaterOrEqual(t, Now()-start, tc.least)
				require.LessOrEqual(t, Now()-start, tc.most)
			})
		})
	}
}

// A process that does not run for a while does not take that for the end of what it waits for.
func TestDrainAfterAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := uint64(0)
		err := Drain(t.Context(), 100, 150*time.Millisecond, 5*time.Second, func() (uint64, error) {
			if looks++; looks == 10 {
				time.Sleep(time.Minute)
			}
			return 10 * (looks / 10), nil
		})
		require.NoError(t, err)
		require.EqualValues(t, 100, looks)
	})
}

func TestDrainReturnsErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failure := errors.New("no count")
		err := Drain(t.Context(), 1, time.Second, time.Minute, func() (uint64, error) { return 0, failure })
		require.ErrorIs(t, err, failure)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err = Drain(ctx, 1, time.Second, time.Minute, func() (uint64, error) { return 0, nil })
		require.ErrorIs(t, err, context.Canceled)
	})
}
