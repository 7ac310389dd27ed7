// Package dispatch delivers messages to their receiver.
//
// # Purpose
//
// The last stage of an inbound chain. It upholds the guarantee of Latest, that no
// message is delivered after a newer one of its channel, and calls the receiver
// with each message. A message in fragments is as old as the packet in which it
// began. Realtime and Reliable messages need nothing more than the replay window
// and the reliable lane have done.
//
// # Threat
//
// A peer that uses up to 2^32 channels to fill memory: the table of channels is
// bounded. Evicting a channel raises a floor below which no message of an unknown
// channel passes, so Latest never goes backwards even then.
//
// # Verdicts
//
//   - accept: the message was delivered
//   - stale: a Latest message older than one that was delivered
//   - refused: the receiver did not take the message
//
// # State bound
//
// For each session [Config].Channels entries of 32 bytes, allocated as they are
// used.
//
// # Metrics
//
// None but the drops above.
package dispatch
