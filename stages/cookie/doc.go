// Package cookie is the stage that makes a dialer prove its address before
// anything is done for it.
//
// # Purpose
//
// The first handshake packet can be sent with any source address, and answering
// it costs memory and public-key work. The stage answers an Init without a valid
// cookie with a challenge that holds one, and keeps nothing. Who sends the same
// Init with that cookie has received the challenge, so the address is its own.
// Packets of other types, and malformed ones, pass: header parse judges them.
//
// A cookie is a MAC under a secret of ours over address, port and Init, so it
// is worth nothing to another address or with another Init. Secrets change every
// [RotateEvery] and stay valid [Grace] longer: a cookie lives from 5 to 125
// seconds. A challenge carries a MAC of its own under a key that is made of the
// Init, so only who has seen the Init can forge one, and no bit of it can be
// changed on the way.
//
// # Threat
//
// Floods of handshakes from spoofed addresses: no memory, bounded work, and no
// public-key operation for them. Reflection: a challenge is smaller than the
// Init that it answers, and their number per second is limited. Newcomers kept
// out: addresses take turns at that number, as fair.Limiter says, so a flood
// from some addresses leaves all others their challenges. Hoarded cookies: they
// expire.
//
// It does not stop an observer on the path to the spoofed address, who reads the
// challenge; nor a flood from proven addresses, which is the business of the
// rate limit. No share helps against a flood from more spoofed addresses than
// there are challenges in a second, nor an address against a flood in its own
// name: then a dialer gets one challenge in as many tries as the flood exceeds
// the limit, and needs no second one.
//
// # Verdicts
//
//   - accept: not a well-formed Init, or an Init with a valid cookie
//   - consumed: an Init without a valid cookie; Packet.Reply holds the challenge
//   - no_room: Packet.Reply has no capacity for a challenge
//   - reply_budget: Config.RepliesPerSecond is used up
//   - reply_share: the address has had its turn, and what is left of
//     Config.RepliesPerSecond is kept for others
//   - no_secret: Config.Rand has not yielded a secret yet
//
// # State bound
//
// Two secrets and three hash states, below 2 KiB, and an array of 16 KiB for the
// turns, whatever the number of addresses. Nothing for any packet or peer.
//
// # Metrics
//
// [Stage.Sent] counts the challenges; the drops are those above.
package cookie
