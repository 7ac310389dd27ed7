package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Counts that were read while flush wrote are read again.
func TestReadOnceDuringFlush(t *testing.T) {
	c, err := NewInbound().Build()
	require.NoError(t, err)
	var out Counts
	for range 3 {
		require.True(t, c.counters.readOnce(&out), "between two flushes")
		c.counters.published.edition.Add(1)
		require.False(t, c.counters.readOnce(&out), "during a flush")
		c.counters.published.edition.Add(1)
	}
}
