package sweep_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/bench/catalog"
	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/bench/remote"
	"github.com/intentra/intentra/bench/sweep"
	"github.com/intentra/intentra/bench/trial"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == remote.Argument {
		remote.Child()
	}
	os.Exit(m.Run())
}

func TestRates(t *testing.T) {
	require.InDeltaSlice(t, []float64{1e3, 1e4, 1e5}, sweep.Rates(1e3, 1e5, 1), 1)
	require.InDeltaSlice(t, []float64{10, 31.6, 100}, sweep.Rates(10, 100, 2), 0.1)
	require.InDeltaSlice(t, []float64{5}, sweep.Rates(5, 5, 3), 0)
}

func TestSweep(t *testing.T) {
	o := sweep.Options{
		Shape:  trial.Shape{Connections: 2, Senders: 1, Size: 64, Buffer: 1 << 20},
		Length: 20 * time.Millisecond, From: 1000, To: 10_000, PerDecade: 1,
	}
	var list []contender.Contender
	for _, name := range []string{"intentra", "udp"} {
		c, err := catalog.Find(name)
		require.NoError(t, err)
		list = append(list, c)
	}
	var progress bytes.Buffer
	r, err := sweep.Run(t.Context(), o, list, &progress)
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
	var back sweep.Result
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, *r, back)
}
