// Package cookie is the stage that makes a dialer prove its address before the
// endpoint spends memory or computation on it.
//
// # Purpose
//
// The first handshake packet can be sent with any source address, and answering
// it costs memory and public-key operations. The stage answers an Init without a
// valid cookie with a challenge that contains one, and keeps no state. A dialer
// that repeats the same Init with that cookie has received the challenge, so the
// address is its own. Packets of other types and malformed ones pass: the header
// stage handles them.
//
// A cookie is a MAC under a local secret over address, port and Init, so it is
// invalid for another address and for another Init. Secrets change every
// [RotateEvery] and stay valid for [Grace] longer: a cookie lives from 5 to 125
// seconds. A challenge carries a MAC of its own under a key derived from the Init,
// so that only those who have seen the Init can forge one, and a challenge altered
// in flight is detected.
//
// # Threat
//
// Floods of handshakes from spoofed addresses: they cost no memory, bounded work,
// and no public-key operation. Reflection: a challenge is smaller than the Init
// that it answers, and the number of challenges per second is limited. Starvation:
// addresses share that limit round-robin (see fair.Limiter), so a flood from some
// addresses leaves the others their challenges. Hoarded cookies expire.
//
// The stage does not stop an observer on the path to the spoofed address, who can
// read the challenge, nor a flood from proven addresses, which the rate limit
// bounds. Sharing does not help against a flood from more spoofed addresses than
// there are challenges in a second, nor an address against a flood in its own
// name: a dialer then gets one challenge in as many tries as the flood exceeds the
// limit, and needs only one.
//
// # Verdicts
//
//   - accept: not a well-formed Init, or an Init with a valid cookie
//   - consumed: an Init without a valid cookie; Packet.Reply holds the challenge
//   - no_room: Packet.Reply has no capacity for a challenge
//   - reply_budget: Config.RepliesPerSecond is used up
//   - no_secret: Config.Rand has not returned a secret yet
//   - reply_share: the address has had its turn, and the rest of
//     Config.RepliesPerSecond is reserved for others
//
// # State bound
//
// Two secrets and three hash states, below 2 KiB, and an array of 16 KiB for the
// turns, whatever the number of addresses. Nothing for each packet or peer.
//
// # Metrics
//
// [Stage.Sent] counts the challenges; the drops are those above.
package cookie
