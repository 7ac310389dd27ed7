package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSettle(t *testing.T) {
	w := newWorld(t, 1)
	hub := w.node(t, "hub")
	var all []*Node
	for i := range 5 {
		n := w.node(t, fmt.Sprint(i))
		require.NoError(t, n.Dial(hub.Key()))
		all = append(all, n)
	}
	took, err := w.Settle(time.Minute)
	require.NoError(t, err)
	require.Less(t, took, 100*time.Millisecond)
	require.Len(t, hub.Peers(), 5)

	// A node that is not running is not waited for; one that is, is.
	all[0].Kill()
	w.Partition([]*Node{hub}, all)
	w.run(t, 5*time.Minute)
	require.Empty(t, hub.Peers())
	_, err = w.Settle(time.Second)
	require.ErrorIs(t, err, ErrUnsettled)
	require.ErrorContains(t, err, "not connected within 1s: 1 (down) with hub (down), 2 (down) with hub (down)")
}

// A node whose dial has ended is not waited for; one whose core has stopped
// without an event is.
func TestSettleGoesByWishes(t *testing.T) {
	w := newWorld(t, 1)
	a, b, c := w.node(t, "a"), w.node(t, "b"), w.node(t, "c")
	w.Partition([]*Node{a}, []*Node{b, c})
	require.NoError(t, a.Dial(b.Key()))
	require.NoError(t, c.Dial(b.Key()))
	_, err := w.Settle(time.Minute)
	require.NoError(t, err, "a's first dial has failed")
	require.True(t, c.Connected(b.Key()))
	require.False(t, a.Connected(b.Key()))
	require.NoError(t, c.Restart())
	w.run(t, time.Minute)
	_, err = w.Settle(time.Second)
	require.NoError(t, err, "c has not dialled since its restart")
	a.wishes = append(a.wishes, b.Key()) // as if it had dialled
	_, err = w.Settle(time.Minute)
	require.ErrorIs(t, err, ErrUnsettled)
	require.ErrorContains(t, err, "a (down) with b (down)")
}
