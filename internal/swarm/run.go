package swarm

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/sim/script"
)

// ErrPanic is returned when the core or the simulator panics outside of the
// chains, where no panic is recovered.
var ErrPanic = errors.New("panicked")

// kinds are the errors with which a run may fail. Shrink keeps the kind.
var kinds = []error{
	sim.ErrConservation, sim.ErrStandstill, sim.ErrNotSent, sim.ErrStale, sim.ErrGap, sim.ErrReplayed, sim.ErrBounds,
	sim.ErrKeyReuse, sim.ErrStuck, sim.ErrUnsettled, sim.ErrUndelivered, sim.ErrToken, sim.ErrAge, script.ErrExpectation, ErrPanic,
}

// kind returns the kind of the error, or nil for other errors.
func kind(err error) error {
	for _, k := range kinds {
		if errors.Is(err, k) {
			return k
		}
	}
	return nil
}

// Run runs the lines of a script without output. The error is script.ErrSyntax
// for a script that cannot be parsed, and ErrPanic with its stack for a panic.
// stop may be nil; see script.Options.
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
