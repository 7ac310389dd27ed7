package swarm

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/sim/script"
)

// ErrPanic: the core, or the simulator, has panicked outside of the chains, where
// nothing is recovered.
var ErrPanic = errors.New("panicked")

// kinds are what a run may fail of. Shrink keeps the kind.
var kinds = []error{
	sim.ErrConservation, sim.ErrStandstill, sim.ErrNotSent, sim.ErrStale, sim.ErrGap, sim.ErrReplayed, sim.ErrBounds,
	sim.ErrKeyReuse, sim.ErrStuck, sim.ErrUnsettled, sim.ErrUndelivered, script.ErrExpectation, ErrPanic,
}

// kind returns that of the error; nil if it is none of a run.
func kind(err error) error {
	for _, k := range kinds {
		if errors.Is(err, k) {
			return k
		}
	}
	return nil
}

// Run runs the lines of a script without output. A script that cannot be parsed
// fails with script.ErrSyntax, a panic with ErrPanic and its stack. stop may be
// nil; see script.Options.
func Run(lines []string, stop func() bool) (result script.Result, err error) {
	s, err := script.ParseLines(lines)
	if err != nil {
		return script.Result{}, err
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v\n%s", ErrPanic, r, debug.Stack())
		}
	}()
	return s.Run(script.Options{Quiet: true, Stop: stop})
}
