// Package pack puts messages into packets.
//
// # Purpose
//
// [Stage] is the joint of an outbound chain: what stands before it sees single
// messages, what stands behind it whole packets. It appends the message in hand
// as a frame to the packet under construction. When a packet is full or its
// time has come is decided by conn.
//
// # Threat
//
// None of its own; the sizes that it reports keep a packet within what the
// receiver has said it takes.
//
// # Verdicts
//
//	intent  the message has no valid intent
//
// # State bound
//
// None.
//
// # Metrics
//
// intentra_drops_total{stage="pack"}.
package pack
