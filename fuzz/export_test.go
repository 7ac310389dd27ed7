package fuzz

// PositionOf is for the tests of the package.
var PositionOf = positionOf

// Seeds returns the inputs that the search for a stage in that position begins
// with.
func Seeds(p Position) [][]byte { return (&kit{position: p}).seeds() }
