package loopback

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/pipeline"
)

// Eventually waits until ok returns true. It polls, because no event announces
// counters, which the loop publishes some time later; a condition with an event is better
// awaited with [Next].
func Eventually(t testing.TB, ctx context.Context, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			require.FailNow(t, "timeout while waiting: "+what)
		}
	}
}

// Next receives from a channel.
func Next[T any](t testing.TB, ctx context.Context, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-ctx.Done():
		require.FailNow(t, "timeout while receiving from a channel")
	}
	return v
}

// Receive returns the next message of any peer.
func Receive(t testing.TB, ctx context.Context, tr *intentra.Transport) intentra.Received {
	t.Helper()
	r, err := tr.Receive(ctx)
	require.NoError(t, err)
	return r
}

// Count returns the counter with the given name.
func Count(t testing.TB, counts []intentra.NamedCount, name string) uint64 {
	t.Helper()
	for _, c := range counts {
		if c.Name == name {
			return c.Count
		}
	}
	require.FailNow(t, "no counter is named "+name)
	return 0
}

// Drops returns the drop counter of a stage and a reason.
func Drops(t testing.TB, c pipeline.Counts, stage, reason string) pipeline.DropCount {
	t.Helper()
	for _, d := range c.Drops {
		if d.Stage == stage && d.Reason == reason {
			return d
		}
	}
	require.FailNow(t, "no drop counter for "+stage+", "+reason)
	return pipeline.DropCount{}
}
