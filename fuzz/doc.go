// Package fuzz fuzzes a stage alone. One line in a test file of the stage's
// author is enough:
//
//	func FuzzGeofence(f *testing.F) { fuzz.Stage(f, newGeofence) }
//
// newGeofence makes a new stage at each call, as any constructor does:
//
//	func newGeofence() pipeline.Stage
//
// # How to run it
//
// A plain go test runs the seeds: packets and messages of a recorded exchange,
// those given by [Seed], and what earlier runs have left in testdata/fuzz. This
// searches for more:
//
//	go test -run '^$' -fuzz '^FuzzGeofence$' -fuzztime 1m -fuzzminimizetime 10x .
//
// (Without the last flag the engine may spend the whole minute on making the
// first interesting inputs shorter.)
//
// An input that fails is kept in testdata/fuzz/FuzzGeofence, to be committed
// with the repair. [Check] judges one input, for unit tests.
//
// # What the stage is given
//
// An input is a sequence of packets, as a chain would hand them to the stage in
// its [Position]: from several peers, whose sessions and epochs open and close,
// at times that never go back, some of them repeated or with a bit changed.
// Behind AEAD open all of it is authentic, so what the stage meets is a peer
// with a key that sends what it likes. Stages that keep state hear of peers,
// sessions and epochs by the interfaces of package pipeline.
//
// # What is asserted
//
//   - The stage does not panic. In a chain that would cost the packet.
//   - Verdicts are declared: Accept, Consumed, or a drop that Reasons names. An
//     undeclared drop is counted as unspecified, where nobody finds its cause.
//   - Nothing is written outside of the packet: around it lie the next datagrams,
//     around a message the other messages of its packet.
//   - Nothing is kept: packet and buffers are used again. The stage is run with
//     memory that stays as it was, and again with memory that is overwritten after
//     each packet; both runs must show the same, and neither a write into a packet
//     that is over.
//   - The same input gives the same verdicts, and the same bytes. Otherwise no
//     failure can be repeated, in a simulator or from a capture.
//   - An answer is no longer than what it answers, and keeps to the capacity of
//     Reply: otherwise the stage can be used for reflection.
//   - An outbound stage makes a message no longer than it has declared
//     ([pipeline.Grower]), and a [pipeline.Packer] appends what it has announced.
//   - Packets are conserved: in a chain, each that went in is counted as accepted,
//     consumed or dropped for the stage's own reason.
//   - With [AllocFree], packets of the seeds allocate nothing, once the stage has
//     seen them before. That is measured in a plain go test alone, as nothing
//     reliable can be said while the fuzzing engine works. It is an average: what
//     a stage allocates less often than each sixteenth packet, or adds to a slice
//     or map now and then, may pass. Bound the state, and test the bound.
//
// # What is not
//
// That the stage returns. One that loops for ever stops the engine as it would
// stop the event loop: no executions, and no failure. And where several of these
// laws are broken at once, the first to be noticed is named, which need not be
// the cause: a stage that keeps a buffer also seems to lose packets.
//
// Whole chains, with the user's stages in them, are the business of package
// fuzz/chain.
//
// The package imports pipeline and wire alone.
package fuzz
