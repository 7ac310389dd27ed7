package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// dials counts dials, of which fail says which fail.
type dials struct {
	mu   sync.Mutex
	made []int
	fail func(ctx context.Context, i, attempt int) error
}

func (d *dials) dial(ctx context.Context, i int) error {
	d.mu.Lock()
	d.made[i]++
	attempt := d.made[i]
	d.mu.Unlock()
	return d.fail(ctx, i, attempt)
}

var errDial = errors.New("the dial fails")

// Peers that cannot connect, at once or within the patience of an attempt, are dialled again, and
// only those.
func TestDemoDialsAgain(t *testing.T) {
	for name, failure := range map[string]func(context.Context) error{
		"at once":    func(context.Context) error { return errDial },
		"in silence": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &show{ctx: t.Context()}
				s.wanted.Store(4)
				d := &dials{made: make([]int, 4)}
				d.fail = func(ctx context.Context, i, attempt int) error {
					if i == 3 && attempt < 3 {
						synctest.Wait() // until the others are connected
						return failure(ctx)
					}
					return nil
				}
				require.True(t, s.dialAll(1, 4, d.dial))
				require.Equal(t, []int{0, 1, 1, 3}, d.made)
			})
		})
	}
}

// Peers are not dialled any more once another number is wanted, or the demo ends.
func TestDemoStopsDialling(t *testing.T) {
	for name, stop := range map[string]func(s *show, end func()){
		"another number": func(s *show, _ func()) { s.wanted.Store(2) },
		"the end":        func(_ *show, end func()) { end() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, end := context.WithCancel(t.Context())
				defer end()
				s := &show{ctx: ctx}
				s.wanted.Store(1)
				d := &dials{made: make([]int, 1)}
				d.fail = func(_ context.Context, _, attempt int) error {
					if attempt == 2 {
						stop(s, end)
					}
					return errDial
				}
				require.False(t, s.dialAll(0, 1, d.dial))
				require.Equal(t, 2, slices.Max(d.made))
			})
		})
	}
}
