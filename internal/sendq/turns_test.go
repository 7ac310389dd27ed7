package sendq

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
)

// If all priorities wait all the time, they begin the packets in the proportions of their
// shares.
func TestTurnsHaveTheirShares(t *testing.T) {
	var tn turns
	begun := map[pipeline.Priority]int{}
	for i := range 12 * allShares {
		order, n := tn.order([pipeline.Priorities]bool{true, true, true, true})
		require.Equal(t, pipeline.Priorities, n)
		if i >= 2*allShares { // at first none has waited
			begun[order[0]]++
		}
		tn.served(order[0])
	}
	require.Equal(t, map[pipeline.Priority]int{pipeline.Low: 10, pipeline.Normal: 20, pipeline.High: 40, pipeline.Urgent: 90}, begun)
}

// The order contains each waiting priority once. After the first, which may be one that has
// waited for long, they are in decreasing order, and none waits for longer than it must.
func TestTurnsOrder(t *testing.T) {
	r := seed.Rand(t)
	var tn turns
	var waited [pipeline.Priorities]int
	for range 5000 {
		var waiting [pipeline.Priorities]bool
		var want []pipeline.Priority
		for i := range waiting {
			if waiting[i] = r.IntN(8) > 0; waiting[i] {
				want = append(want, pipeline.Low+pipeline.Priority(i))
			}
		}
		slices.Reverse(want)
		order, n := tn.order(waiting)
		got := order[:n]
		require.ElementsMatch(t, want, got)
		if n == 0 {
			waited = [pipeline.Priorities]int{}
			continue
		}
		require.True(t, slices.IsSortedFunc(got[1:], func(a, b pipeline.Priority) int { return int(b) - int(a) }))
		if first := got[0]; first != want[0] {
			require.GreaterOrEqual(t, waited[first-pipeline.Low], int(patience[first-pipeline.Low]))
		}
		tn.served(got[0])
		for i := range waited {
			if waited[i]++; !waiting[i] || got[0] == pipeline.Low+pipeline.Priority(i) {
				waited[i] = 0
			}
			require.LessOrEqual(t, waited[i], allShares+pipeline.Priorities)
		}
	}
}
