package sim

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
)

// The agenda behaves as a slice that is sorted stably after each push.
func TestAgendaAgainstSlice(t *testing.T) {
	rng := seed.Rand(t)
	w := New(0)
	var model []event
	for range 5_000 {
		if rng.IntN(5) < 3 || len(model) == 0 {
			w.put(event{at: w.now + pipeline.Time(rng.IntN(50))})
			model = append(model, event{at: w.now, order: w.order})
			model[len(model)-1].at = find(w.agenda, w.order)
			continue
		}
		slices.SortStableFunc(model, func(a, b event) int { return int(a.at - b.at) })
		require.Equal(t, model[0].order, w.agenda.next().order)
		require.Equal(t, model[0].order, w.agenda.pop().order)
		model = model[1:]
	}
	require.Len(t, w.agenda, len(model))
}

// An event past the end of time never happens, and does not happen at once.
func TestTimeEnds(t *testing.T) {
	w := newWorld(t, 1)
	n := w.node(t, "n")
	far, near := 0, 0
	w.After(math.MaxInt64, func() { far++ })
	w.Every(math.MaxInt64, func() { far++ })
	w.After(time.Second, func() { near++ })
	n.JumpClock(math.MaxInt64)
	n.JumpClock(math.MaxInt64)
	require.Equal(t, horizon, n.Now())
	require.NoError(t, w.Run(time.Minute))
	require.Equal(t, 1, near)
	require.NoError(t, w.Run(math.MaxInt64))
	require.NoError(t, w.Run(math.MaxInt64))
	require.Equal(t, horizon, w.Now())
	require.Zero(t, far)
}

func find(h agenda, order uint64) pipeline.Time {
	return h[slices.IndexFunc(h, func(ev event) bool { return ev.order == order })].at
}

// The heap of turns behaves as a set of nodes that finds the first.
func TestTurnsAgainstSet(t *testing.T) {
	rng := seed.Rand(t)
	var h turns
	var all []*Node
	for i := range 100 {
		all = append(all, &Node{number: i})
	}
	in := map[*Node]pipeline.Time{}
	for range 5_000 {
		n := all[rng.IntN(len(all))]
		if rng.IntN(3) > 0 {
			in[n] = pipeline.Time(rng.IntN(30))
			h.set(n, in[n])
		} else {
			delete(in, n)
			h.remove(n)
		}
		var first *Node
		for _, n := range all {
			if at, ok := in[n]; ok && (first == nil || at < in[first]) {
				first = n
			}
		}
		require.Same(t, first, h.next())
		require.Equal(t, len(in), h.Len())
	}
}
