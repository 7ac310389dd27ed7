// Package aead opens received packets and seals outgoing ones.
//
// # Purpose
//
// [Stage] authenticates a packet's header and decrypts its frames in place, with
// the key of the epoch that the packet's receiver index names. [Seal], its outbound
// half, is the last stage of the outbound chain. The key is selected by index and
// never by trial, since a failed open destroys the ciphertext.
//
// # Threat
//
// Forged, altered and misdirected packets; eavesdroppers. A (key, counter) pair
// must never be used twice for sealing: Seal refuses a counter that is not above
// the previous one. [Seal.Observe] lets tests see the keys and counters that the
// ciphers were given.
//
// # Verdicts
//
//   - accept: the packet is authentic and now plaintext; of Seal, it is sealed
//   - no_key: the epoch has no key; either conn has not installed one, or the
//     header stage is missing
//   - short: the packet is shorter than header and tag
//   - forged: the tag does not match
//   - reused (Seal): the counter is not above the previous one of this key
//   - no_room (Seal): there is no capacity left for the tag
//
// # State bound
//
// For each direction of a live epoch, one cipher and two integers.
//
// # Metrics
//
// None but the drops above, of the stages "aead" and "seal".
package aead
