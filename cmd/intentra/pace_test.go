package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Events fall due at absolute times: one that takes long delays those behind
// it only until they have caught up.
func TestPacerKeepsAbsoluteTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := newPacer(100)
		for i := range 300 {
			require.True(t, p.wait(t.Context()))
			at := time.Since(start)
			if i < 100 || i > 105 {
				require.InDelta(t, time.Duration(i)*10*time.Millisecond, at, float64(time.Microsecond))
			}
			if i == 100 {
				time.Sleep(55 * time.Millisecond)
			}
		}
	})
}

func TestPacerEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, hertz := range []float64{0, 0.001, 1e9} {
			ctx, cancel := context.WithCancel(t.Context())
			p := newPacer(hertz)
			require.True(t, p.wait(ctx), "the first is due at once")
			go func() {
				time.Sleep(time.Second)
				cancel()
			}()
			start := time.Now()
			for p.wait(ctx) {
				time.Sleep(time.Millisecond)
			}
			require.Equal(t, time.Second, time.Since(start).Round(10*time.Millisecond))
		}
	})
}

func TestNoRateNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := newPacer(0)
		for range 1000 {
			require.True(t, p.wait(t.Context()))
		}
		require.Zero(t, time.Since(start))
	})
}
