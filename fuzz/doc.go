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
// those given by [Seed], and what earlier runs have left in testdata/fuzz. Where
// many fail for one cause, the first says it and the others are skipped. This
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
//   - The stage does not panic. In a chain that would cost the packet. Nor does it
//     call runtime.Goexit, as FailNow of a test does: that would end the event loop.
//   - Verdicts are declared: Accept, Consumed, or a drop that Reasons names. An
//     undeclared drop is counted as unspecified, where nobody finds its cause.
//   - Nothing is written outside of the packet: around it lie the next datagrams,
//     around a message the other messages of its packet.
//   - The fields of a packet are set by those whose business it is: peer, session,
//     epoch and counter by header parse, which is a stage among [Datagrams] that
//     hears of epochs; channel and intent by the splitter; all else by the driver.
//     SetPlaintext is called by a [pipeline.Opener], MarkFresh by a
//     [pipeline.Guard] between header parse and the replay window. [Sets] allows
//     more. Where packets are open or fresh already, these calls change nothing;
//     so the stage is also run with packets that are not marked so, in which they
//     show. What else it makes of those is not judged. One that calls them for
//     marked packets alone is not caught there.
//   - Nothing is kept: packet and buffers are used again. The stage is run with
//     memory that stays as it was, with memory that is overwritten after each
//     packet, and with the same memory for all packets; the runs must show the
//     same, and none a write into a packet that is over.
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
// stop the event loop: no executions, and no failure.
//
// That no goroutine of the stage writes late: whether it has come to write by the
// time that the memory is looked at is chance. A stage starts none; where it does,
// go test -race sees what it did.
//
// That a buffer is kept which is never read or written again: no run shows
// another result then. It holds memory all the same, so bound the state.
//
// Where several of these laws are broken at once, the first to be noticed is
// named. What decides by chance is told from kept memory, and kept memory from
// lost packets, by running both ways several times.
//
// Whole chains, with the user's stages in them, are the business of package
// fuzz/chain.
//
// A constructor that panics fails the test by its name. [Prepare] is held to the
// bounds of the packet too, and to do the same each time.
//
// Constructor and stages are called in goroutines of the kit's own, one at a time.
//
// The package imports pipeline and wire alone.
package fuzz
