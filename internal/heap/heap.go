// Package heap is a binary heap of timed nodes, which are fields of the elements, so
// that moving and removing an element does not search and nothing is allocated for
// it.
package heap

import "github.com/intentra/intentra/pipeline"

// Node is the place of an element in a heap. It is a field of the element, to which
// Value, set once by the element's constructor, points back. A node is in at most
// one heap. The zero value is in none.
type Node[T any] struct {
	Value T
	at    pipeline.Time
	order uint64
	index int // in Heap.nodes plus one; zero if it is in no heap
}

// At returns the time that the node was last set to.
func (n *Node[T]) At() pipeline.Time { return n.at }

// Queued reports whether the node is in a heap.
func (n *Node[T]) Queued() bool { return n.index != 0 }

// Heap finds the node with the earliest time; among nodes of one time the one with
// the lowest order, and among nodes with equal orders any. The zero value is empty.
// It is not safe for concurrent use.
type Heap[T any] struct{ nodes []*Node[T] }

// Len returns the number of nodes.
func (h *Heap[T]) Len() int { return len(h.nodes) }

// First returns the first node, or nil if the heap is empty.
func (h *Heap[T]) First() *Node[T] {
	if len(h.nodes) == 0 {
		return nil
	}
	return h.nodes[0]
}

// Each calls f for each node, in no particular order.
func (h *Heap[T]) Each(f func(*Node[T])) {
	for _, n := range h.nodes {
		f(n)
	}
}

// Set adds n, or moves it if it is in h already.
func (h *Heap[T]) Set(n *Node[T], at pipeline.Time, order uint64) {
	n.at, n.order = at, order
	if n.index == 0 {
		h.nodes = append(h.nodes, n)
		n.index = len(h.nodes)
	}
	h.fix(n.index - 1)
}

// Remove removes n if it is in h.
func (h *Heap[T]) Remove(n *Node[T]) {
	if n.index == 0 {
		return
	}
	i, last := n.index-1, len(h.nodes)-1
	h.swap(i, last)
	h.nodes[last] = nil
	h.nodes = h.nodes[:last]
	n.index = 0
	if i < last {
		h.fix(i)
	}
}

func (h *Heap[T]) less(i, j int) bool {
	a, b := h.nodes[i], h.nodes[j]
	return a.at < b.at || a.at == b.at && a.order < b.order
}

func (h *Heap[T]) swap(i, j int) {
	h.nodes[i], h.nodes[j] = h.nodes[j], h.nodes[i]
	h.nodes[i].index, h.nodes[j].index = i+1, j+1
}

// fix moves the node at i, the only one that may be out of order, to its place.
func (h *Heap[T]) fix(i int) {
	for i > 0 && h.less(i, (i-1)/2) {
		h.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	for {
		child := 2*i + 1
		if child >= len(h.nodes) {
			return
		}
		if child+1 < len(h.nodes) && h.less(child+1, child) {
			child++
		}
		if !h.less(child, i) {
			return
		}
		h.swap(i, child)
		i = child
	}
}
