package sim

import (
	"github.com/intentra/intentra/internal/heap"
	"github.com/intentra/intentra/pipeline"
)

// turns holds the nodes that have a turn to come, by its time and then in order of
// their creation. So a step does not visit nodes that have nothing to do.
type turns struct{ heap.Heap[*Node] }

// next returns the first node, or nil.
func (h *turns) next() *Node {
	if n := h.First(); n != nil {
		return n.Value
	}
	return nil
}

// set schedules n's turn at the time, and at no other.
func (h *turns) set(n *Node, at pipeline.Time) {
	n.inTurns.Value = n
	h.Set(&n.inTurns, at, uint64(n.number))
}

// remove removes n, if it is there.
func (h *turns) remove(n *Node) { h.Remove(&n.inTurns) }
