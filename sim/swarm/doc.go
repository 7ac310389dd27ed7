// Package swarm makes scenarios by chance and finds the smallest that fails.
//
// Generate draws a script (see package script) from a seed: nodes with settings
// of all kinds in a star, in pairs, in a chain or a mesh; loads of all intents;
// and faults one after the other. Its last steps end all faults, and expect
// that everybody is connected again, that nobody was taken for an attacker, and
// that no stage has panicked. All promises are checked on every step.
//
// Shrink takes away from a script that fails whatever it fails without.
//
// Matrix measures delivery over links that lose, delay, reorder and repeat;
// Fleet is a load to measure the simulator's own speed with.
//
// Nothing here reads a clock or starts a goroutine: the same seed gives the same
// script, and the same result.
package swarm
