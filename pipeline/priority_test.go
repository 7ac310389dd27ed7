package pipeline_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

func TestPriorityText(t *testing.T) {
	var zero pipeline.Priority
	require.Equal(t, pipeline.Normal, zero)
	n := 0
	for p := pipeline.Low; p <= pipeline.Urgent; p++ {
		n++
		require.True(t, p.Valid())
		text, err := p.MarshalText()
		require.NoError(t, err)
		var back pipeline.Priority
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, p, back)
	}
	require.Equal(t, pipeline.Priorities, n)
	require.Equal(t, "urgent", pipeline.Urgent.String())
	for _, p := range []pipeline.Priority{pipeline.Low - 1, pipeline.Urgent + 1} {
		require.False(t, p.Valid())
		require.Equal(t, "invalid", p.String())
		_, err := p.MarshalText()
		require.Error(t, err)
	}
	err := zero.UnmarshalText([]byte("fast"))
	require.ErrorContains(t, err, "low, normal, high or urgent")
	require.Error(t, (*pipeline.Priority)(nil).UnmarshalText([]byte("low")))
}
