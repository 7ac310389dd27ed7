// Package clock estimates by how much the clock of a peer is ahead of ours, with a bound
// on the error.
//
// We send a packet at t1 of our clock, the peer receives it at t2 of its clock and sends
// the acknowledgement at t3, which arrives here at t4. Nothing travels back in time, so
// the peer's clock is ahead by at most t2-t1 and at least t3-t4 (RFC 5905 section 8 takes
// the middle of the two). How the time on the way is split between both directions is
// unknown, so each exchange yields an interval whose width is its round-trip time.
//
// The intersection of all such intervals contains the offset. Exchanges with the
// smallest round trips decide it, in each direction by itself, as in a minimum filter. Since
// clocks drift, an interval becomes wider as it gets older, by [Drift].
package clock
