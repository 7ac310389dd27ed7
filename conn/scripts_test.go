package conn_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/sim/script"
	"github.com/intentra/intentra/wire"
)

// scriptSeeds is how many of its seeds a script runs with here.
const scriptSeeds = 5

// In the scripts of package script no session has more than three epochs. After
// them every endpoint accounts for its IDs and packets, and once closed it holds
// nothing. The scripts themselves check what a user sees. Those of crowds, which run with
// hundreds of dialers, run with one seed, and not under the race detector: it makes them
// ten times as slow, and there is only one goroutine.
func TestScriptsLeaveNothingBehind(t *testing.T) {
	race.SkipHistory(t)
	files, err := filepath.Glob("../sim/script/testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		seeds, crowd := uint64(scriptSeeds), strings.HasPrefix(filepath.Base(file), "burst-")
		if crowd {
			seeds = 1
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			in, err := os.Open(file)
			require.NoError(t, err)
			defer func() { _ = in.Close() }()
			s, err := script.Parse(in)
			require.NoError(t, err)
			for seed := s.Seed; seed <= s.LastSeed && seed < s.Seed+seeds; seed++ {
				var w *sim.World
				_, err := s.Run(script.Options{Seed: &seed, Quiet: true, Prepare: func(x *sim.World) {
					w = x
					w.Check("epochs", atMostThreeEpochs)
				}})
				require.NoError(t, err)
				require.NoError(t, w.Run(time.Second)) // jobs come back
				for _, n := range w.Nodes() {
					n.Endpoint().CheckInvariants(t, n.Now())
					if n.Running() {
						closeByHand(n.Endpoint(), n.Now())
						n.Endpoint().CheckInvariants(t, n.Now())
						n.Endpoint().CheckEmpty(t)
					}
				}
			}
		})
	}
}

// atMostThreeEpochs is a [sim.Checker].
func atMostThreeEpochs(w *sim.World) (err error) {
	for _, n := range w.Stepped() {
		n.Endpoint().EachSession(func(_ *conn.Peer, s *conn.TestSession) {
			if s.Epochs() > 3 {
				err = fmt.Errorf("a session of %s has %d epochs", n.Name(), s.Epochs())
			}
		})
	}
	return err
}

// closeByHand closes the endpoint and has it time out all that is left, without a
// network.
func closeByHand(e *conn.Endpoint, now pipeline.Time) {
	for more := true; more; {
		more = e.Close(wire.CloseShutdown, now)
		e.Outgoing()
	}
	for at, ok := e.Deadline(); ok; at, ok = e.Deadline() {
		e.HandleTimeout(at)
		for e.Flush(at) {
			e.Outgoing()
		}
		e.Outgoing()
	}
	e.Events()
	e.Events()
}
