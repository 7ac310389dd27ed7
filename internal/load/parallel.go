package load

import (
	"context"
	"sync"
)

// Parallel calls f for 0 to n-1, at most limit calls at a time, each in its own
// goroutine. The first error ends the context of the other calls, and no more
// begin. Parallel returns when all calls have returned, with the first error or
// the cause of ctx's end.
func Parallel(ctx context.Context, n, limit int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, max(limit, 1))
	var calls sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		calls.Go(func() {
			defer func() { <-slots }()
			if err := f(ctx, i); err != nil {
				cancel(err)
			}
		})
	}
	calls.Wait()
	return context.Cause(ctx)
}
