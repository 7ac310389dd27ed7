package load

import (
	"context"
	"io"
	"sync"
)

// Children are processes that do the same work, each a share of it.
type Children []*Child

// StartChildren starts n children; see StartChild.
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

// Each calls f for all children at once. It returns the first error, when all
// calls have returned; their context ends at the first error.
func (all Children) Each(ctx context.Context, f func(ctx context.Context, i int, c *Child) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for i, c := range all {
		wg.Go(func() {
			if err := f(ctx, i, c); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// Close ends all children.
func (all Children) Close() {
	var wg sync.WaitGroup
	for _, c := range all {
		wg.Go(c.Close)
	}
	wg.Wait()
}

// Share returns which of n things, first to first+count-1, child i gets.
func (all Children) Share(n, i int) (first, count int) {
	first = n * i / len(all)
	return first, n*(i+1)/len(all) - first
}
