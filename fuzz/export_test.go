package fuzz

import "github.com/intentra/intentra/pipeline"

// PositionOf is for the tests of the package.
var PositionOf = positionOf

// Seeds returns the inputs that the search for a stage in that position begins
// with.
func Seeds(p Position) [][]byte { return (&kit{position: p}).seeds() }

// CheckReached returns what Stage reports of its seeds, and the error for a stage that
// accepts none of them.
func CheckReached[S pipeline.Stage](newStage func() S, opts ...Option) (string, error) {
	k := newKit(newStage, opts)
	if err := k.place(); err != nil {
		return "", err
	}
	r := k.reach(k.seeds())
	return r.String(), r.err()
}
