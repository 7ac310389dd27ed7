package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A slow stream is limited to one processor, and a fast one is not. The number is set
// only when it changes.
func TestProcessorsFollowTheRate(t *testing.T) {
	now := time.Unix(1, 0)
	var set []int
	p := &processors{now: func() time.Time { return now }, set: func(n int) { set = append(set, n) }}
	at := func(rate int) {
		for range 3 * rateWindow {
			now = now.Add(time.Second / time.Duration(rate))
			p.message()
		}
	}
	at(2 * oneProcessor)
	require.Empty(t, set)
	at(200)
	require.Equal(t, []int{1}, set)
	at(2 * oneProcessor)
	require.Equal(t, []int{1, allProcessors}, set)
	at(oneProcessor / 2)
	require.Equal(t, []int{1, allProcessors, 1}, set)
	p.limit(false)
	p.limit(false)
	require.Equal(t, []int{1, allProcessors, 1, allProcessors}, set)
}
