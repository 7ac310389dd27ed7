package fuzz

// PositionOf is for the tests of the package.
var PositionOf = positionOf
