// Package fuzz fuzzes a single stage. A fuzz test is one line:
//
//	func FuzzGeofence(f *testing.F) { fuzz.Stage(f, newGeofence) }
//
// newGeofence returns a new stage on each call:
//
//	func newGeofence() pipeline.Stage
//
// # How to run it
//
// A plain go test runs the seeds: packets and messages of a recorded exchange,
// those given with [Seed], and those that earlier runs left in testdata/fuzz. It
// fails if the stage accepts none of the first two; go test -v says how many it
// accepts. If many seeds fail for one cause, the first fails and the others are
// skipped. To search for more inputs:
//
//	go test -run '^$' -fuzz '^FuzzGeofence$' -fuzztime 1m -fuzzminimizetime 10x .
//
// Without the last flag the engine may spend the whole minute shortening the first
// interesting inputs.
//
// An input that fails is kept in testdata/fuzz/FuzzGeofence; commit it with the
// fix. [Check] runs one input, for unit tests.
//
// # What the stage is given
//
// An input is a sequence of packets, as a chain would pass them to a stage in its
// [Position]: from several peers, whose sessions and epochs open and close, at times
// that never go back, some of them repeated or with a bit changed. After AEAD open
// all packets are authentic: their sender is a peer with a key that sends whatever it
// likes. A stage is notified of peers, sessions and epochs, and settles packets,
// through the optional interfaces of package pipeline.
//
// # What is checked
//
//   - The stage does not panic, in any of its methods: in a chain that would lose the
//     packet. It does not call runtime.Goexit either, as FailNow of a test does: that
//     would end the event loop.
//   - Verdicts are declared: Accept, Consumed, or a drop that Reasons names. An
//     undeclared drop is counted as unspecified, which hides its cause.
//   - Nothing is written outside of the packet, because the next datagrams lie around
//     it, and the other messages of the packet around a message.
//   - A stage sets only the fields of a packet that are its own: header parse, which is
//     a stage at [Datagrams] that observes epochs, sets the peer, session, epoch and
//     counter; the splitter sets channel and intent; the driver sets the others. A
//     [pipeline.Opener] calls SetPlaintext, and a [pipeline.Guard] between header parse
//     and the replay window calls MarkFresh. [Sets] allows more. These two
//     calls have no effect on packets that have the mark already, so the stage is also
//     run with packets that do not, and only the calls are checked. A stage that makes them
//     only for packets that already have the mark is not found.
//   - No memory is kept: packets and buffers are reused. The stage is run with memory
//     that stays as it was, with memory that is overwritten after each packet, and with
//     the same memory for all packets. The results must be equal, and no packet may be
//     written to later.
//   - The same input gives the same verdicts and the same bytes. Otherwise no failure
//     can be reproduced in a simulator or from a capture.
//   - A reply is no longer than the packet that it answers, and fits the capacity of
//     Reply. Otherwise the stage can be used for reflection.
//   - An outbound stage lengthens a message by no more than it declares
//     ([pipeline.Grower]). A [pipeline.Packer] appends exactly what its Size returns,
//     which is no more than a frame and its MaxGrowth. Size has no side effects.
//   - Results are the same whether Warm is called or not ([pipeline.Warmer]).
//   - Packets are conserved: in a chain each is counted as accepted, consumed, or
//     dropped for the stage's own reason.
//   - With [AllocFree], packets of the seeds cause no allocation once the stage has seen
//     them before. Only a plain go test measures it, because the fuzzing engine itself
//     allocates. The measure is an average: an allocation for fewer than one packet in
//     16, or the occasional growth of a slice or map, may pass. Bound the state, and
//     test the bound.
//
// # What is not checked
//
// That the stage returns. An endless loop stops the engine, as it would stop the event
// loop, without a failure.
//
// That no goroutine of the stage writes later: the kit sees such a write only by
// chance. A stage must not start goroutines; go test -race finds what they do.
//
// That no buffer is kept which is never read or written again, because no result
// changes. It still occupies memory, so bound the state.
//
// If a stage breaks several of these rules at once, the first that the kit notices is
// reported. It repeats runs to tell random decisions from kept memory, and kept memory
// from lost packets.
//
// A constructor that panics fails the test and is named. [Prepare] is checked like a
// stage: it must keep within the packet and do the same each time.
//
// The kit calls the constructor and the stages from goroutines of its own, one at a
// time. Package fuzz/chain fuzzes whole chains with the user's stages in them.
package fuzz
