package list

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
)

// item can be in two lists at once.
type item struct{ nodes [2]Node[*item] }

func newItem() *item {
	it := new(item)
	for i := range it.nodes {
		it.nodes[i].Value = it
	}
	return it
}

// Two lists with the same elements behave like two slices.
func TestListAgainstSlices(t *testing.T) {
	random := seed.Rand(t)
	items := make([]*item, 20)
	for i := range items {
		items[i] = newItem()
	}
	var lists [2]List[*item]
	var models [2][]*item
	for range 20_000 {
		which := random.IntN(2)
		l, model := &lists[which], models[which]
		it := items[random.IntN(len(items))]
		n, at := &it.nodes[which], slices.Index(model, it)
		switch {
		case random.IntN(4) == 0:
			var want *Node[*item]
			if len(model) > 0 {
				want, model = &model[0].nodes[which], model[1:]
			}
			require.Same(t, want, l.PopFront())
		case random.IntN(3) == 0:
			require.Equal(t, at >= 0, l.Remove(n))
			if at >= 0 {
				model = slices.Delete(slices.Clone(model), at, at+1)
			}
		case at < 0:
			l.PushBack(n)
			model = append(slices.Clone(model), it)
		default:
			require.Panics(t, func() { l.PushBack(n) })
		}
		models[which] = model

		require.Equal(t, len(model), l.Len())
		var got []*item
		for n := l.Front(); n != nil; n = n.Next() {
			require.True(t, l.Contains(n))
			got = append(got, n.Value)
		}
		require.True(t, slices.Equal(model, got))
		if len(model) > 0 {
			require.Same(t, model[len(model)-1], l.Back().Value)
		}
		require.Equal(t, slices.Contains(model, it), l.Contains(n))
	}
}

// A removed node keeps no element of the list reachable, and an empty list none.
func TestRemovedNodesHoldNothing(t *testing.T) {
	var l List[*item]
	items := []*item{newItem(), newItem(), newItem()}
	for _, it := range items {
		l.PushBack(&it.nodes[0])
	}
	for _, i := range []int{1, 0, 2} {
		n := &items[i].nodes[0]
		require.True(t, l.Remove(n))
		require.Equal(t, Node[*item]{Value: items[i]}, *n)
	}
	require.Equal(t, List[*item]{}, l)
}

func TestListDoesNotAllocate(t *testing.T) {
	var l List[*item]
	a, b := newItem(), newItem()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		l.PushBack(&a.nodes[0])
		l.PushBack(&b.nodes[0])
		l.Remove(&a.nodes[0])
		l.PopFront()
	}))
}
