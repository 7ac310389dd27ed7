package load

import (
	"context"
	"time"
)

// What we chose.
const (
	// awaitLimit bounds the wait for messages under way when sending ends, and
	// for the last peers to be connected.
	awaitLimit    = time.Second
	awaitInterval = 2 * time.Millisecond
	// drainLooks is how often Drain looks in its quiet time.
	drainLooks = 15
)

// Drain waits until count returns want or more, has not changed for the time
// quiet, or limit has passed. It returns an error of count's, or the cause of
// ctx's end.
func Drain(ctx context.Context, want uint64, quiet, limit time.Duration, count func() (uint64, error)) error {
	var last uint64
	same := 0
	return poll(ctx, limit, quiet/drainLooks, func() (bool, error) {
		n, err := count()
		if same++; n != last {
			last, same = n, 0
		}
		return n >= want || same >= drainLooks, err
	})
}

// await waits until over returns true or an error, at most for awaitLimit.
func await(ctx context.Context, over func() (bool, error)) error {
	return poll(ctx, awaitLimit, awaitInterval, over)
}

// poll calls over at intervals until it returns true or an error, or limit has
// passed. It counts the intervals: a process that has not run for longer than limit goes on to
// wait, because what it waits for has not run either.
func poll(ctx context.Context, limit, interval time.Duration, over func() (bool, error)) error {
	for range limit / interval {
		if done, err := over(); done || err != nil {
			return err
		}
		if !Sleep(ctx, interval) {
			return context.Cause(ctx)
		}
	}
	return nil
}
