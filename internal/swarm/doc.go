// Package swarm makes random scenarios, and finds the smallest that fails.
//
// Generate makes a script (see package script) from a seed: nodes with all kinds
// of settings in a star, in pairs, in a chain or a mesh; loads of all intents;
// and faults one after the other. The last steps end all faults, and expect that
// all nodes are connected again, none has got a strike, and no stage has
// panicked. The checks of sim.World.Audit run on every step.
//
// Shrink removes from a failing script what is not needed for it to fail.
//
// Matrix measures delivery over links that lose, delay, reorder and duplicate;
// Fleet is a load for measuring the speed of the simulator.
//
// The package reads no clock and starts no goroutine: the same seed gives the same
// script and the same result.
package swarm
