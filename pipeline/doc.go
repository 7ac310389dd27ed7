// Package pipeline composes the ordered chain of stages that every packet of
// intentra flows through.
//
// A [Stage] takes one [Packet] and returns one [Verdict]. A [Builder] puts
// stages in order and refuses orders that would be unsafe; the chain that it
// builds never changes. Each packet runs to completion before the next one
// starts, so what happens to a packet cannot depend on how the kernel happened
// to batch it.
//
// # Two levels
//
// An inbound chain has one [Splitter]. Stages up to and with it run once per
// packet, stages after it once per message:
//
//	packet -> cookie ratelimit header aead replay ack | your stage, dispatch <- message
//
// An outbound chain is the mirror image around one [Packer]:
//
//	message -> your stage, pack | ack seal <- packet
//
// # Conservation
//
// For packets and for messages apart, and for every chain at rest:
//
//	in = accepted + consumed + the sum of all drops
//
// There is no way for a stage to lose a packet without a counter: the zero
// Verdict is a drop, and a panic in a stage is a drop too.
//
// # State
//
// A stage owns its state. [Slots] keeps one value for each live session, epoch
// or peer; [PerSession] does so for a stage that embeds it, with no further
// code.
//
// # Concurrency
//
// A chain and its stages belong to one goroutine. Only [Chain.Counts] may be
// called from any goroutine.
//
// The package imports nothing else of intentra.
package pipeline
