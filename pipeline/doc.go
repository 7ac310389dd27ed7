// Package pipeline composes the ordered chain of stages that every packet of
// intentra flows through.
//
// A [Stage] takes one [Packet] and returns one [Verdict]. A [Builder] arranges stages
// and refuses unsafe orders; the chain that it builds never changes. Each packet runs
// to completion before the next one starts, so its outcome does not depend on how the
// kernel batches packets.
//
// # Two levels
//
// An [Inbound] chain has one [Splitter]. The stages up to and including it run once
// per packet, those after it once per message:
//
//	packet -> cookie ratelimit header aead replay ack | your stage, dispatch <- message
//
// An [Outbound] chain is the mirror image around one [Packer]:
//
//	message -> your stage, pack | ack seal <- packet
//
// # Conservation
//
// For every chain, between packets, and for packets and messages separately:
//
//	in = accepted + consumed + the sum of all drops
//
// A stage cannot lose a packet uncounted: the zero Verdict is a drop, and a panic in a
// stage is counted as a drop. Panics in which nothing is lost are counted as a
// [Fault].
//
// # State
//
// A stage owns its state. [Slots] holds one value for each live peer, session or
// epoch; a stage that embeds [PerSession] has one for each session without further
// code.
//
// # Concurrency
//
// A chain and its stages belong to one goroutine. Only [Chain.Counts] and
// [Chain.ReadCounts] may be called from any goroutine.
//
// The package imports nothing else of intentra.
package pipeline
