package load

import (
	"context"
	"io"
	"sync"
)

// Children are child processes that share one kind of work.
type Children []*Child

// StartChildren starts n children as [StartChild] does.
func StartChildren(ctx context.Context, n int, command []string, stderr io.Writer) (Children, error) {
	var all Children
	for range n {
		c, err := StartChild(ctx, command, stderr)
		if err != nil {
			all.Close()
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// Each calls f for all children at once, as [Parallel] does.
func (all Children) Each(ctx context.Context, f func(ctx context.Context, i int, c *Child) error) error {
	return Parallel(ctx, len(all), len(all), func(ctx context.Context, i int) error { return f(ctx, i, all[i]) })
}

// Close ends all children at the same time.
func (all Children) Close() {
	var wg sync.WaitGroup
	for _, c := range all {
		wg.Go(c.Close)
	}
	wg.Wait()
}

// Share returns the share of child i in n things: first to first+count-1.
func (all Children) Share(n, i int) (first, count int) {
	first = n * i / len(all)
	return first, n*(i+1)/len(all) - first
}
