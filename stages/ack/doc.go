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
// lane).
//
// # Threat
//
// A peer that acknowledges packets it has not received, to be sent more or to
// distort RTT and loss (the optimistic ACK attack of RFC 9000, section 21.4):
// some counters are skipped on purpose, and acknowledging one is a violation. A
// peer that makes the receiver hold messages without end: Reorder is bounded in
// messages and bytes.
//
// # Verdicts
//
// Of packets:
//
//   - accept: all frames are valid
//   - unopened: AEAD open has not authenticated the packet
//   - no_session: the session is not live
//   - malformed: a frame cannot be parsed, or the packet has none (strike)
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
//   - duplicate: a Reliable message that was received before
//   - window: a Reliable message beyond the window of 1,024 (strike)
//   - distance: two Reliable messages name the same predecessor (strike)
//   - held_full: a Reliable message out of order, with no room to hold it; its
//     sender sends it again
//   - receiver_full: a Reliable message whose reader has no room; its sender sends
//     it again
//   - closed: a Reliable message that was held when the session closed
//
// # State bound
//
// For each epoch 200 bytes, and 16 bytes for each of the last 4,096 packets sent,
// in a ring that grows with the packets in flight. For each session, while Reliable
// messages are out of order, a ring of 1,024 entries and at most
// [Config].HeldBytes of buffers; all sessions together hold at most
// [Config].HeldBytesTotal. At most 512 KiB of empty buffers and 64 empty rings are
// kept for reuse.
//
// # Metrics
//
// None but the drops above.
package ack
