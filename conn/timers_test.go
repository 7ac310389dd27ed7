package conn

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

// Postponing one of 1,000 timers, as a peer that sends much does, changes nothing and
// allocates nothing.
func TestTimerResetsAreFree(t *testing.T) {
	var h timers
	all := make([]timer, 1000)
	for i := range all {
		h.arm(&all[i], pipeline.Time(i*7919%1000))
	}
	at := all[500].At()
	require.Zero(t, testing.AllocsPerRun(10, func() {
		for i := range 100_000 {
			h.arm(&all[500], pipeline.Time(10_000+i))
		}
	}))
	require.Equal(t, at, all[500].At())
	h.arm(&all[500], at-1)
	require.Equal(t, at-1, all[500].At())
}
