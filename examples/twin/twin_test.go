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
	"github.com/intentra/intentra/sim"
)

// In the simulator, where 0, 5 and 20 % of the datagrams are lost, no state goes back and
// every viewer gets the whole picture.
func TestInTheSimulator(t *testing.T) {
	p := plan{flights: makeFlights(1, 45), duration: 4 * time.Second, tick: 5 * time.Millisecond, rate: 10, speed: 10}
	simsite.AtEachLoss(t, sim.Link{Delay: 20 * time.Millisecond, Jitter: 5 * time.Millisecond}, p.run)
}

func TestOverSockets(t *testing.T) {
	name := filepath.Join(t.TempDir(), "reports.json")
	require.NoError(t, os.WriteFile(name, []byte(`[
		{"icao24":"b","timestamp":2000,"latitude":1,"longitude":2,"altitude":100},
		{"icao24":"b","timestamp":1000,"latitude":0,"longitude":1,"altitude":50},
		{"icao24":"a","timestamp":1000,"latitude":5,"longitude":5},
		{"icao24":"a","timestamp":7000,"latitude":6,"longitude":6},
		{"icao24":"c","timestamp":7000,"latitude":6,"longitude":6},
		{"icao24":"d","timestamp":1000,"latitude":9,"longitude":9},
		{"icao24":"d","timestamp":2000,"latitude":9.1,"longitude":9.1},
		{"icao24":"e","timestamp":7000,"latitude":null,"longitude":6}]`), 0o600))
	flights, err := readFlights(name)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "d"}, []string{flights[0].name, flights[1].name, flights[2].name})
	require.Equal(t, []fix{{0, 0, 1, 50}, {time.Second, 1, 2, 100}}, flights[1].fixes)
	var b bytes.Buffer
	require.NoError(t, tally.Program(program).Execute("twin", []string{"--check", "--duration", "300ms", "--rate", "100", "--reports", name}, &b))
	require.Contains(t, b.String(), "late: whole picture after")
}

func TestWhere(t *testing.T) {
	f := flight{"x", []fix{{0, 0, 0, 0}, {time.Second, 1, 2, 100}, {3 * time.Second, 3, 2, 100}}}
	for at, lat := range map[time.Duration]float64{0: 0, 500 * time.Millisecond: 0.5, time.Second: 1, 2 * time.Second: 2, 3 * time.Second: 3, 4 * time.Second: 2} {
		require.InDelta(t, lat, f.where(at).lat, 1e-6, at)
	}
	require.InDelta(t, 111_195, metres(fix{lat: 10}, fix{lat: 11}), 1)
	require.Len(t, withoutPauses([]fix{{at: 0}, {at: time.Hour}, {at: time.Hour + time.Second}}), 2)
}
