package conn

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

// FuzzTimers compares the heap with a list that is searched. The attacker is a
// peer that causes timers to be set and stopped in any order.
func FuzzTimers(f *testing.F) {
	f.Add([]byte{0, 1, 5, 0, 2, 3, 0, 3, 9, 2, 0, 0, 1, 1, 0, 2, 0, 0, 2, 0, 0})
	f.Add([]byte{0, 1, 5, 0, 1, 9, 0, 1, 2, 2, 0, 0, 0, 1, 1})
	f.Add([]byte{0, 1, 1, 0, 2, 1, 0, 3, 1, 1, 1, 0, 1, 3, 0, 0, 3, 0, 2, 0, 0, 2, 0, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		const n = 16
		var heap timers
		var all [n]timer
		armed := map[int]pipeline.Time{}
		for ; len(ops) >= 3; ops = ops[3:] {
			i, at := int(ops[1]%n), pipeline.Time(ops[2])
			switch ops[0] % 3 {
			case 0:
				heap.arm(&all[i], at)
				// Lazy: a later time does not move a timer.
				if was, ok := armed[i]; !ok || at < was {
					armed[i] = at
				}
			case 1:
				heap.stop(&all[i])
				delete(armed, i)
			case 2:
				if len(heap) > 0 {
					next := heap[0]
					heap.stop(next)
					for i := range all {
						if &all[i] == next {
							delete(armed, i)
						}
					}
				}
			}
			require.Len(t, heap, len(armed))
			earliest, ok := heap.next()
			require.Equal(t, len(armed) > 0, ok)
			for i := range all {
				at, isArmed := armed[i]
				require.Equal(t, isArmed, all[i].index != 0)
				if isArmed {
					require.Equal(t, at, all[i].at)
					require.LessOrEqual(t, earliest, at)
					require.Same(t, &all[i], heap[all[i].index-1])
				}
			}
		}
	})
}

// 10^6 resets of one of 1,000 timers, as a busy peer causes, leave the heap as it
// is and allocate nothing.
func TestTimerResetsAreFree(t *testing.T) {
	var heap timers
	all := make([]timer, 1000)
	for i := range all {
		heap.arm(&all[i], pipeline.Time(i*7919%1000))
	}
	before := append(timers(nil), heap...)
	require.Zero(t, testing.AllocsPerRun(10, func() {
		for i := range 100_000 {
			heap.arm(&all[500], pipeline.Time(10_000+i))
		}
	}))
	require.Equal(t, before, heap)
}
