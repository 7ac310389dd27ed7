// Package dispatch hands messages to their receiver.
//
// # Purpose
//
// The last stage. It enforces the promise of Latest, that nothing is delivered
// behind a newer message of its channel, and calls the receiver with each
// message. Realtime and Reliable pass: what the first needs has been done by
// the replay window, what the second needs by the reliable lane.
//
// # Threat
//
// A peer that spreads over 2^32 channels to fill memory: the table of channels
// is bounded, and forgetting a channel raises a floor below which nothing
// passes, so that Latest never goes back even then.
//
// # Verdicts
//
//	stale    an older Latest message than one already delivered
//	refused  the receiver did not take it
//
// # State bound
//
// [Config].Channels entries of 32 bytes a session, allocated as they are used.
//
// # Metrics
//
// intentra_drops_total{stage="dispatch"}.
package dispatch
