package main

import (
	"context"
	"sync/atomic"
	"time"
)

// What we chose.
const (
	// gateTime is how much of what is asked for may be under way, and gateStates
	// the least of each peer: where the machine cannot keep up, a state waits
	// for its turn with its publisher, where it is counted as late, and not in
	// a socket's buffer, where it would be lost.
	gateTime   = 20 * time.Millisecond
	gateStates = 4
	gateLook   = time.Millisecond
	// gatePatience is how long nothing has to arrive for what is under way to
	// count as lost. It is longer than anything waits in a socket's buffer.
	gatePatience = 500 * time.Millisecond
)

// gate bounds the states that are under way. sent may be added to by all
// pacers.
type gate struct {
	window   int64
	sent     atomic.Int64
	returned atomic.Int64 // delivered to all, or lost

	// The watcher's.
	delivered, lost int64
	moved           time.Time // when the last was delivered
}

func newGate(peers int, rate float64) *gate {
	return &gate{window: max(int64(float64(peers)*rate*gateTime.Seconds()), int64(peers*gateStates))}
}

// open reports whether one more state may leave.
func (g *gate) open() bool { return g.sent.Load()-g.returned.Load() < g.window }

// watch follows the deliveries until ctx ends. delivered returns how many
// states have been, each counted once all have got it.
func (g *gate) watch(ctx context.Context, delivered func() int64) {
	tick := time.NewTicker(gateLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			g.look(now, delivered())
		}
	}
}

// look takes in how many states have been delivered by now.
func (g *gate) look(now time.Time, delivered int64) {
	if delivered != g.delivered || g.open() {
		g.delivered, g.moved = delivered, now
	} else if now.Sub(g.moved) > gatePatience {
		g.lost, g.moved = g.sent.Load()-delivered, now
	}
	g.returned.Store(delivered + g.lost)
}
