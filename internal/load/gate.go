package load

import (
	"context"
	"sync/atomic"
	"time"
)

// What we chose.
const (
	// gateTime is the time whose states may be under way, and gateStates the
	// least number of them for each peer. If the machine cannot keep up, a state
	// waits at its publisher, where it counts as late, and not in a socket
	// buffer, where it could be lost.
	gateTime     = 20 * time.Millisecond
	gateStates   = 4
	gateInterval = time.Millisecond
	// gatePatience is the time without deliveries after which the states under
	// way count as lost, of which nothing newer has arrived. It is longer than
	// a state waits in a socket buffer.
	gatePatience = 500 * time.Millisecond
)

// gate limits how many states are under way. sent may be increased by several
// publishers.
type gate struct {
	window   int64
	sent     atomic.Int64
	returned atomic.Int64 // delivered to all peers, or lost

	// Used by watch alone.
	delivered, lost int64
	moved           time.Time // of the latest delivery
}

func newGate(peers int, rate float64) *gate {
	return &gate{window: max(int64(float64(peers)*rate*gateTime.Seconds()), int64(peers*gateStates))}
}

// open reports whether another state may be sent.
func (g *gate) open() bool { return g.sent.Load()-g.returned.Load() < g.window }

// wait waits until the gate is open. It returns false if end, a time of
// Now, comes first, or ctx ends.
func (g *gate) wait(ctx context.Context, end time.Duration) bool {
	for !g.open() {
		if !Sleep(ctx, gateInterval) || Now() >= end {
			return false
		}
	}
	return true
}

// watch follows the deliveries until ctx ends. delivered returns how many states
// have been delivered to all peers.
func (g *gate) watch(ctx context.Context, delivered func() int64) {
	tick := time.NewTicker(gateInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			g.update(now, delivered())
		}
	}
}

// update sets how many states have been delivered at the time now.
func (g *gate) update(now time.Time, delivered int64) {
	if delivered != g.delivered || g.open() {
		g.delivered, g.moved = delivered, now
	} else if now.Sub(g.moved) > gatePatience {
		g.lost, g.moved = g.sent.Load()-delivered, now
	}
	g.returned.Store(delivered + g.lost)
}
