// Package ratelimit is the stage that holds each peer to its packet rate, and
// unauthenticated traffic to a rate for each address.
//
// # Purpose
//
// One peer must not take the loop's time from the others. The bucket of a peer
// is looked at before the cipher runs, so that excess costs next to nothing, and
// charged in Settle, after the replay window has accepted the packet. Everything
// that names no live epoch is charged at once to its source address.
//
// # Threat
//
// A peer that sends too much; floods of handshakes, guesses and garbage. Charged
// before authentication, a bucket would be a weapon: whoever can spoof an address
// or replay a packet could use up the bucket of a peer and silence it. So
// forgeries and replays charge nobody; what they cost is one failed open or one
// look at the window each. For the same reason there are two tables of addresses:
// well-formed Init packets have passed the cookie check, their addresses are
// proven, and nothing that carries a spoofed address can use up their budget.
// And a handshake packet that the chain's owner waits for from just that address
// and port (Config.Expected) is charged to nobody, so that garbage in the name of
// one side does not keep a handshake from its next message.
//
// The stage does not protect a link that is full, and many peers behind one
// address share its handshake budget: raise Config.AddressRate for them.
//
// # Verdicts
//
//   - accept: within the rate, or expected
//   - peer_rate: a packet of a live epoch whose peer's bucket is empty
//   - address_rate: another packet, from an address whose bucket is empty
//
// # State bound
//
// Two tables of Config.TableSize buckets of 16 bytes, 128 KiB by default; 24
// bytes for each peer and 8 for each live epoch. Addresses are never stored.
//
// # Metrics
//
// None but the drops above.
package ratelimit
