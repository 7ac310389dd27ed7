// Package aead opens received packets, and seals those to be sent.
//
// # Purpose
//
// [Open] authenticates a packet's header and decrypts its frames in place with
// the key of the epoch that its receiver index names. [Seal] is the other half,
// the last stage of the outbound chain. The key is picked by index and never
// by trial, since a failed open destroys the ciphertext.
//
// # Threat
//
// Forged, altered and misdirected packets; reading by anyone on the wire. A
// (key, counter) pair must never be sealed twice: Seal refuses a counter that
// is not above the one before it. [Seal.Observe] shows tests the keys and
// counters that the ciphers were really given.
//
// # Verdicts
//
//	no_key   the epoch has no key: conn has not installed one, or header parse is missing
//	short    shorter than header and tag
//	forged   the tag does not fit
//	reused   (Seal) the counter is not above the previous one of this key
//	no_room  (Seal) no capacity left for the tag
//
// # State bound
//
// One cipher for each direction of a live epoch, and two integers.
//
// # Metrics
//
// intentra_drops_total{stage="aead"} and {stage="seal"}.
package aead
