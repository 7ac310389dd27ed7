// Package pack is the stage that appends messages to packets.
//
// # Purpose
//
// [Stage] is the packer of an outbound chain: the stages before it process single
// messages, those after it whole packets. It appends the current message as a frame
// to the packet under construction. conn decides when a packet is complete.
//
// # Threat
//
// None. The sizes that the stage reports keep a packet within the size that the
// receiver accepts.
//
// # Verdicts
//
//   - accept: the message was appended
//   - intent: the message has no valid intent
//
// # State bound
//
// None.
//
// # Metrics
//
// None but the drop above.
package pack
