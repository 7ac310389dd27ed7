package fairness

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The measurement runs to its end, and prints a line for each publisher.
func TestReliable(t *testing.T) {
	r, err := Reliable(t.Context(), 200*time.Millisecond)
	require.NoError(t, err)
	require.Len(t, r.Publishers, honest+floods)
	require.Zero(t, r.Disconnected)
	for _, p := range r.Publishers[:honest] {
		require.Positive(t, p.Sent)
		require.LessOrEqual(t, p.Delivered, p.Sent)
	}
	var b strings.Builder
	r.Print(&b)
	require.Equal(t, 2+honest+floods, strings.Count(b.String(), "\n"))
}
