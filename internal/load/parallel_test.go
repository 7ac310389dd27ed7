package load

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParallelCallsAllWithinTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int64
		var called [100]bool
		start := time.Now()
		require.NoError(t, Parallel(t.Context(), len(called), 7, func(_ context.Context, i int) error {
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(time.Second)
			running.Add(-1)
			called[i] = true
			return nil
		}))
		require.NotContains(t, called[:], false)
		require.LessOrEqual(t, most.Load(), int64(7))
		require.Equal(t, 15*time.Second, time.Since(start))
	})
}

// The first error ends the other calls, and Parallel waits for them.
func TestParallelEndsAtTheFirstError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failure := errors.New("the third fails")
		var called, ended atomic.Int64
		err := Parallel(t.Context(), 1000, 4, func(ctx context.Context, i int) error {
			called.Add(1)
			defer ended.Add(1)
			if i == 2 {
				return failure
			}
			<-ctx.Done()
			return context.Cause(ctx)
		})
		require.ErrorIs(t, err, failure)
		require.LessOrEqual(t, called.Load(), int64(5))
		require.Equal(t, called.Load(), ended.Load())
	})
}
