package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// What we chose: how long a simulation may take for a thousand steps, which
// usually take milliseconds, and how many bytes of the stacks are printed if it
// takes longer.
const (
	hangPatience        = time.Minute
	interruptedPatience = 5 * time.Second // after an interrupt
	hangStacks          = 64 << 10
)

// guard watches running scenarios. An endless loop in the core would block the
// command for ever, and the simulation itself could not report it.
type guard struct {
	ctx      context.Context
	patience time.Duration

	mu     sync.Mutex
	hearts map[*heart]bool
}

func newGuard(ctx context.Context) *guard {
	return &guard{ctx: ctx, patience: hangPatience, hearts: map[*heart]bool{}}
}

// heart records when a scenario last made progress.
type heart struct {
	g     *guard
	seed  uint64
	began time.Time
	beat  atomic.Int64 // nanoseconds since began
}

// begin starts to watch a scenario; the caller calls end when it has finished.
func (g *guard) begin(seed uint64) *heart {
	h := &heart{g: g, seed: seed, began: time.Now()}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hearts[h] = true
	return h
}

func (h *heart) end() {
	h.g.mu.Lock()
	defer h.g.mu.Unlock()
	delete(h.g.hearts, h)
}

// stop implements script.Options.Stop.
func (h *heart) stop() bool {
	h.beat.Store(int64(time.Since(h.began)))
	return h.g.ctx.Err() != nil
}

// run runs f. It returns early if a watched scenario hangs; f then continues
// until the process ends.
func (g *guard) run(f func()) *hang {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f()
	}()
	tick := time.NewTicker(max(min(g.patience, interruptedPatience)/8, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return nil
		case <-tick.C:
			if h := g.hung(); h != nil {
				return h
			}
		}
	}
}

// hang is the error of a scenario that no longer makes progress.
type hang struct {
	seed   uint64
	silent time.Duration
}

func (h *hang) Error() string {
	return fmt.Sprintf("seed %d hangs: the simulation made no step for %v", h.seed, h.silent.Round(time.Second))
}

func (g *guard) hung() *hang {
	patience := g.patience
	if g.ctx.Err() != nil {
		patience = min(patience, interruptedPatience)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for h := range g.hearts {
		if silent := time.Since(h.began) - time.Duration(h.beat.Load()); silent > patience {
			return &hang{h.seed, silent}
		}
	}
	return nil
}

// oldest returns the seed that has been running longest, if any is running.
func (g *guard) oldest() (seed uint64, age time.Duration, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for h := range g.hearts {
		if a := time.Since(h.began); a > age {
			seed, age, ok = h.seed, a, true
		}
	}
	return seed, age, ok
}

// tell prints the stacks of all goroutines, which show where it hangs.
func (h *hang) tell(e *environment) {
	stacks := make([]byte, hangStacks)
	fmt.Fprintf(e.stderr, "intentra: %v; the stacks of all goroutines:\n%s\n", h, stacks[:runtime.Stack(stacks, true)])
}
