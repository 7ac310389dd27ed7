// Package load makes and measures load on real transports of one machine, over
// its loopback interface: for `intentra bench` and for the module bench.
//
// One process, the parent, holds the side that is measured, and starts children
// (Child) that hold the other side. A child serves what its parent calls
// (Serve) over its standard input and output, where its secrets pass as well,
// and ends when its standard input is closed, so that none outlives the parent.
//
// A message begins with a Stamp: when it was sent, by a clock that all
// processes share (Now), and in which run. A Pacer says how many messages are
// due, a Receiver counts what arrives. Those three know nothing of transports,
// so that others than ours can be measured alike.
package load
