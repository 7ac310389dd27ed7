// Package list is a doubly linked list whose nodes are fields of the elements,
// so that no operation allocates.
package list

// List is a doubly linked list of nodes. The zero value is an empty list. A List
// in use must not be copied, and it is not safe for concurrent use.
type List[T any] struct {
	first, last *Node[T]
	len         int
}

// Node is the place of an element in a list. It is a field of the element, to
// which Value, set once by the element's constructor, points back. A node is in
// one list at a time, and no other list must be asked about it; an element with
// several nodes can be in several lists. The zero value is in no list.
type Node[T any] struct {
	Value      T
	prev, next *Node[T]
}

// Len returns the number of nodes.
func (l *List[T]) Len() int { return l.len }

// Front returns the first node, or nil if the list is empty.
func (l *List[T]) Front() *Node[T] { return l.first }

// Back returns the last node, or nil if the list is empty.
func (l *List[T]) Back() *Node[T] { return l.last }

// Next returns the node that follows n, or nil if n is the last one or in no list.
func (n *Node[T]) Next() *Node[T] { return n.next }

// Contains reports whether n is in l.
func (l *List[T]) Contains(n *Node[T]) bool { return n.prev != nil || n.next != nil || l.first == n }

// PushBack appends n. It panics if n is in l already.
func (l *List[T]) PushBack(n *Node[T]) {
	if l.Contains(n) {
		panic("list: PushBack of a node that is in the list")
	}
	n.prev = l.last
	if l.last == nil {
		l.first = n
	} else {
		l.last.next = n
	}
	l.last = n
	l.len++
}

// PopFront removes the first node and returns it, or nil if the list is empty.
func (l *List[T]) PopFront() *Node[T] {
	n := l.first
	if n != nil {
		l.Remove(n)
	}
	return n
}

// Remove removes n and reports whether it was in l.
func (l *List[T]) Remove(n *Node[T]) bool {
	if !l.Contains(n) {
		return false
	}
	if n.prev == nil {
		l.first = n.next
	} else {
		n.prev.next = n.next
	}
	if n.next == nil {
		l.last = n.prev
	} else {
		n.next.prev = n.prev
	}
	n.prev, n.next = nil, nil
	l.len--
	return true
}
