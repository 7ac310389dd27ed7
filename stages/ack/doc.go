// Package ack keeps track of which packets each side has received, how long they
// took, and which Reliable message comes next.
//
// # Purpose
//
// [Stage], the splitter of an inbound chain, checks all frames of an
// authenticated packet before it acts on any. It verifies acknowledgements
// against what was sent, passes control frames to conn, and yields the messages,
// Reliable ones in order on their channel. [Attach], its outbound half, appends
// acknowledgements to packets.
//
// Each mechanism is a type: [Tracker] (sent packets and their loss), [History]
// (received packets), [RTT], and [Reorder] (the receiving half of the reliable
// lane). Messages in fragments are put together by package internal/fragment, and
// yielded once they are whole.
//
// # Threat
//
// A peer that acknowledges packets it has not received, to be sent more or to
// distort RTT and loss (the optimistic ACK attack of RFC 9000, section 21.4):
// some counters are skipped on purpose, and acknowledging one is a violation. A
// peer that makes the receiver hold messages without end: Reorder is bounded in
// messages and bytes. A peer that begins messages and does not complete them, or
// whose fragments contradict each other: incomplete messages are bounded in bytes,
// number and time, and never delivered.
//
// # Verdicts
//
// Of packets:
//
//   - accept: all frames are valid
//   - unopened: AEAD open has not authenticated the packet
//   - no_session: the session is not live
//   - malformed: a frame cannot be parsed, the packet has none, or a fragment is of a
//     message larger than [Config].MaxMessage, or of one that began in a later packet
//     (strike)
//   - unsent: it acknowledges a counter or a Reliable message that was not sent
//     (strike)
//   - skipped: it acknowledges a counter that was skipped on purpose (strike)
//   - backwards: it acknowledges less than an earlier packet did (strike)
//   - excess: it has more than three acknowledgements (strike)
//
// An acknowledgement for an epoch that is not live is ignored, because the epoch
// may have closed while the packet was in flight.
//
// Of messages:
//
//   - accept: it is the next one
//   - duplicate: a Reliable message that was received before, or a fragment
//   - window: a Reliable message beyond the window of 4,096 (strike)
//   - distance: two Reliable messages name the same predecessor (strike)
//   - held_full: a Reliable message out of order, with no room to hold it; its
//     sender sends it again
//   - receiver_full: a Reliable message whose reader has no room; its sender sends
//     it again
//   - closed: a Reliable message or fragment that was held, or a message that was
//     incomplete, when the session closed
//   - fragment: a fragment that contradicts those before it, or the message that it
//     does not continue (strike)
//   - superseded: an incomplete Latest message when a newer one of its channel
//     arrived, or a later fragment of it
//   - expired: a message that was incomplete for too long after its last fragment: 1 s
//     for Realtime, 5 s for Latest
//   - fragments_full: an incomplete Realtime or Latest message that had to make room, or
//     a fragment for whose message there is no room; a Reliable one is sent again
//
// A session that does not continue a Reliable message for 30 s is reported to conn.
//
// # State bound
//
// For each epoch 200 bytes, and 16 bytes for each of the last 4,096 packets sent,
// in a ring that grows with the packets in flight. For each session, while Reliable
// messages are out of order, a ring of 8 KiB, up to 64 KiB if they are far apart, and at
// most [Config].HeldBytes of held messages; all sessions together hold at most
// [Config].HeldBytesTotal. At most 512 KiB of empty buffers, 2 MiB of empty rings and
// 192 KiB of records are kept for reuse. Incomplete messages occupy at most [Config].FragmentBytes for each
// session and [Config].FragmentBytesTotal for all, in buffers of multiples of 4 KiB and
// 256 bytes more for each of up to [Config].FragmentMessages. At most 1 MiB of their empty
// buffers is kept for reuse.
//
// # Metrics
//
// None but the drops above.
package ack
