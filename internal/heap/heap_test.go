package heap

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

// FuzzHeap compares the heap with a list that is searched. The attacker has nodes
// set, moved and removed in any order.
func FuzzHeap(f *testing.F) {
	f.Add([]byte{0, 1, 5, 0, 2, 3, 0, 3, 9, 2, 0, 0, 1, 1, 0, 2, 0, 0, 2, 0, 0})
	f.Add([]byte{0, 1, 5, 0, 1, 9, 0, 1, 2, 2, 0, 0, 0, 1, 1})
	f.Add([]byte{0, 1, 1, 0, 2, 1, 0, 3, 1, 1, 1, 0, 1, 3, 0, 0, 3, 0, 2, 0, 0, 2, 0, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		const n = 16
		var h Heap[int]
		var all [n]Node[int]
		for i := range all {
			all[i].Value = i
		}
		set := map[int]pipeline.Time{}
		first := func() (best int) {
			best = -1
			for i := range all {
				if at, ok := set[i]; ok && (best < 0 || at < set[best]) {
					best = i // the lowest order of equal times
				}
			}
			return best
		}
		for ; len(ops) >= 3; ops = ops[3:] {
			i, at := int(ops[1]%n), pipeline.Time(ops[2])
			switch ops[0] % 3 {
			case 0:
				h.Set(&all[i], at, uint64(i))
				set[i] = at
			case 1:
				h.Remove(&all[i])
				delete(set, i)
			case 2:
				if n := h.First(); n != nil {
					h.Remove(n)
					delete(set, n.Value)
				}
			}
			require.Equal(t, len(set), h.Len())
			if want := first(); want < 0 {
				require.Nil(t, h.First())
			} else {
				require.Equal(t, want, h.First().Value)
				require.Equal(t, set[want], h.First().At())
			}
			for i := range all {
				_, queued := set[i]
				require.Equal(t, queued, all[i].Queued())
				if queued {
					require.Same(t, &all[i], h.nodes[all[i].index-1])
				}
			}
		}
	})
}

func TestSettingAgainDoesNotAllocate(t *testing.T) {
	var h Heap[int]
	all := make([]Node[int], 1000)
	for i := range all {
		h.Set(&all[i], pipeline.Time(i*7919%1000), 0)
	}
	now := pipeline.Time(0)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		now++
		h.Remove(&all[500])
		h.Set(&all[500], now, 0)
	}))
}
