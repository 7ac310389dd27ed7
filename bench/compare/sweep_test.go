package compare_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/bench/compare"
	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/bench/trial"
)

func TestRates(t *testing.T) {
	require.InDeltaSlice(t, []float64{1e3, 1e4, 1e5}, compare.Rates(1e3, 1e5, 1), 1)
	require.InDeltaSlice(t, []float64{10, 31.6, 100}, compare.Rates(10, 100, 2), 0.1)
	require.InDeltaSlice(t, []float64{5}, compare.Rates(5, 5, 3), 0)
}

func TestSweep(t *testing.T) {
	o := compare.SweepOptions{
		Shape:  trial.Shape{Connections: 2, Senders: 1, Size: 64, Buffer: 1 << 20},
		Length: 20 * time.Millisecond, From: 1000, To: 10_000, PerDecade: 1,
	}
	var list []contender.Contender
	for _, name := range []string{"intentra", "udp"} {
		c, err := trial.Find(name)
		require.NoError(t, err)
		list = append(list, c)
	}
	var progress bytes.Buffer
	r, err := compare.RunSweep(t.Context(), o, list, &progress)
	require.NoError(t, err)
	require.Len(t, r.Curves, 2)
	for _, c := range r.Curves {
		require.NotEmpty(t, c.Points)
		for _, p := range c.Points {
			require.LessOrEqual(t, p.Delivered, p.Sent)
		}
		require.Contains(t, progress.String(), c.Contender)
	}
	require.Contains(t, r.Raised, "intentra")
	b, err := json.Marshal(r)
	require.NoError(t, err)
	var back compare.Sweep
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, *r, back)
}
