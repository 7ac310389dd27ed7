// Package ack is what both sides know of each other's packets: who received
// what, how long it took, and which Reliable message comes next.
//
// # Purpose
//
// [Stage], the splitter of an inbound chain, checks all frames of an
// authenticated packet before it acts on any; verifies acknowledgements against
// what was really sent; hands control frames to conn; and yields the messages,
// Reliable ones in order on their channel. [Attach], its other half, appends
// acknowledgements to packets on their way out.
//
// The mechanisms are types of their own: [Tracker] (sent packets, loss),
// [History] (received packets), [RTT], [Reorder] (the receiving half of the
// reliable lane).
//
// # Threat
//
// A peer that acknowledges what was never sent, to be sent more or to distort
// RTT and loss (the optimistic ACK attack of RFC 9000 section 21.4): counters
// are skipped on purpose, and an acknowledgement of one is a violation. A peer
// that makes the receiver hold messages without end: Reorder is bounded in
// messages and bytes.
//
// # Verdicts
//
// Of packets:
//
//	unopened   AEAD open has not passed
//	no_session the session is not live
//	malformed  a frame cannot be parsed, or there is none (strike)
//	unsent     acknowledges a counter, or a Reliable message, never sent (strike)
//	skipped    acknowledges a counter skipped on purpose (strike)
//	backwards  acknowledges less than an earlier packet did (strike)
//	excess     more than three acknowledgements (strike)
//
// An acknowledgement for an epoch that is not live is ignored: the epoch may
// have closed while it was under way.
//
// Of messages:
//
//	duplicate  Reliable, already received
//	window     Reliable, beyond the window of 1,024 (strike)
//	distance   Reliable, two messages claim one predecessor (strike)
//	held_full  Reliable, out of order, and no room to hold it; it will come again
//	receiver_full  Reliable, and its reader has no room; it will come again
//	closed     Reliable, held back when the session closed
//
// # State bound
//
// An epoch: 200 bytes, and 16 bytes for each of the last 4,096 packets sent, in
// a ring that grows with the packets in flight. A session: while Reliable
// messages are out of order, a ring of 1,024 entries and at most
// [Config].HeldBytes of buffers; [Config].HeldBytesTotal for all sessions. Empty
// buffers and rings kept for use again: 512 KiB, and 64 rings.
//
// # Metrics
//
// intentra_drops_total{stage="ack"}.
package ack
