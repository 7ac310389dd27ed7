// Package ratelimit is the stage that limits the packet rate of each peer, and the
// rate of unauthenticated packets from each address.
//
// # Purpose
//
// One peer must not take the loop's time from the others. A peer's token bucket is
// checked before the cipher runs, so that excess packets cost next to nothing, and
// charged in Settle, once the replay window has accepted the packet. Two more buckets
// limit the messages and the bytes in its packets, since 400 empty messages in one
// cost as much as 20 packets. A packet that names no live epoch is charged at once to
// its source address.
//
// # Threat
//
// A peer that sends too much; floods of handshakes, guesses and garbage. If buckets
// were charged before authentication, an attacker who spoofs an address or replays
// a packet could use up the bucket of a peer and silence it. Therefore forgeries
// and replays are charged to no peer; each costs one failed open or one look at the
// replay window. For the same reason there are two tables of addresses: well-formed
// Init packets have passed the cookie stage, so their addresses are proven, and
// packets with spoofed addresses cannot use up their budget. A handshake packet that
// the chain's owner expects from exactly that address and port (Config.Expected) is
// not charged, so that spoofed garbage cannot block a handshake.
//
// The stage does not protect a link that is full. Many peers behind one address
// share its handshake budget; raise Config.AddressRate for them.
//
// # Verdicts
//
//   - accept: within the rate, or expected
//   - peer_rate: a packet of a live epoch whose peer's bucket is empty
//   - message_rate, byte_rate: a packet of a live epoch whose peer has sent more
//     messages or bytes than it may, in earlier packets
//   - address_rate: another packet, from an address whose bucket is empty
//
// # State bound
//
// Two tables of Config.TableSize buckets of 16 bytes, 128 KiB by default; 32 bytes
// for each peer, 32 more once it has sent a message, and 8 for each live epoch.
// Addresses are never stored.
//
// # Metrics
//
// None but the drops above.
package ratelimit
