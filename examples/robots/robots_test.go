package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/examples/internal/simsite"
	"github.com/intentra/intentra/examples/internal/tally"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/sim"
)

// In the simulator, where 0, 5 and 20 % of the datagrams are lost, no pose goes back,
// every robot recovers, and every robot stops once.
func TestInTheSimulator(t *testing.T) {
	tracks, err := load("", 1)
	require.NoError(t, err)
	p := plan{robots: 20, rate: 20, tracks: tracks, steady: time.Second, cut: 2 * time.Second, tick: 5 * time.Millisecond}
	simsite.AtEachLoss(t, sim.Link{Delay: 5 * time.Millisecond, Jitter: 2 * time.Millisecond}, p.run)
}

func TestOverSockets(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, tally.Program(program).Execute("robots", []string{"--check", "--robots", "10", "--rate", "20", "--duration", "100ms", "--cut", "200ms"}, &b))
	require.Contains(t, b.String(), "recovery after a cut of 200ms")
}

func TestReadTrack(t *testing.T) {
	name := filepath.Join(t.TempDir(), "track")
	require.NoError(t, os.WriteFile(name, []byte("# time x y heading\n100.5 1 2 0.5\n101.0 3 4 0.6\n102.0 5 6 0.7\n"), 0o600))
	tr, err := readTrack(name)
	require.NoError(t, err)
	require.Len(t, tr, 3)
	for _, tt := range []struct {
		at   time.Duration
		from int
		x    float64
	}{{0, 0, 1}, {400 * time.Millisecond, 0, 1}, {500 * time.Millisecond, 0, 3}, {1500 * time.Millisecond, 1, 5}, {1501 * time.Millisecond, 2, 1}, {0, 2, 1}} {
		s, _ := tr.find(tt.at, tt.from)
		require.InDelta(t, tt.x, s.x, 0, "%+v", tt)
	}
	require.NoError(t, os.WriteFile(name, []byte("1 2 three 4\n"), 0o600))
	_, err = readTrack(name)
	require.ErrorContains(t, err, "state 1")
	require.NoError(t, os.WriteFile(name, nil, 0o600))
	_, err = readTrack(name)
	require.Error(t, err)
}

// An order that is older than its TTL is not obeyed, whatever may be wrong with its age.
func TestExpiredOrder(t *testing.T) {
	r := new(robot)
	for _, u := range []hub.Update{
		{Payload: []byte(`{"number":1}`), Stamp: true, Age: stopTTL + time.Millisecond},
		{Payload: []byte(`{"number":1}`), Stamp: true, Age: stopTTL - time.Millisecond, Within: 2 * time.Millisecond},
	} {
		require.NoError(t, r.obey(2*time.Second, u))
		require.Zero(t, r.stopped)
	}
	require.Equal(t, 2, r.expired)
	require.Error(t, r.obey(0, hub.Update{Payload: []byte("stop")}))
}
