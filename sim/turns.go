package sim

import "github.com/intentra/intentra/pipeline"

// turns is a binary heap of the nodes that have a turn to come, by its time and
// then in order of their creation. So a step does not visit nodes that have
// nothing to do.
type turns []*Node

// next returns the first node, or nil.
func (h turns) next() *Node {
	if len(h) == 0 {
		return nil
	}
	return h[0]
}

// set schedules n's turn at the time, and at no other.
func (h *turns) set(n *Node, at pipeline.Time) {
	n.due = at
	if n.place == 0 {
		*h = append(*h, n)
		n.place = len(*h)
	}
	h.fix(n.place - 1)
}

// remove removes n, if it is there.
func (h *turns) remove(n *Node) {
	if n.place == 0 {
		return
	}
	i, last := n.place-1, len(*h)-1
	h.swap(i, last)
	(*h)[last] = nil
	*h = (*h)[:last]
	n.place = 0
	if i < last {
		h.fix(i)
	}
}

func (h turns) less(i, j int) bool {
	a, b := h[i], h[j]
	return a.due < b.due || a.due == b.due && a.number < b.number
}

func (h turns) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i+1, j+1
}

func (h turns) fix(i int) {
	for i > 0 && h.less(i, (i-1)/2) {
		h.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h.less(child+1, child) {
			child++
		}
		if !h.less(child, i) {
			return
		}
		h.swap(i, child)
		i = child
	}
}
