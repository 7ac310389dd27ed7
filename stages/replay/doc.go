// Package replay is the stage that lets each packet of an epoch through once.
//
// # Purpose
//
// A sealed packet stays valid for as long as its key lives, so whoever has seen
// one can send it again. The stage keeps a sliding [Window] of counters for each
// epoch and drops what it has had before.
//
// # Threat
//
// An observer who records packets and sends them again, in any order and from
// any address; a malicious peer that jumps its counter, even past what a key may
// have, or repeats it. A forged counter cannot move the window, because the stage
// looks at authenticated packets alone: one that AEAD open has not passed is
// dropped as unopened. It does not hide that a packet has been replayed from the
// one who replays it.
//
// # Verdicts
//
//   - accept: the counter is new; the packet is marked fresh
//   - replayed: the counter is in the window and has been had before
//   - too_old: the counter lies more than Config.Bits below the highest
//   - unopened: AEAD open has not authenticated the packet
//   - unknown_epoch: the packet's epoch is not live
//   - too_high: the counter is one that no sender may use ([Limit]); the window
//     stays where it is
//
// # State bound
//
// For each live epoch at most Config.Bits/8 + 8 bytes and 48 bytes of
// bookkeeping: about 1 KiB at the default of 8,192 bits, about 8 KiB at the
// largest size. It grows from 80 bytes as the counter does, and is at its full
// size once that has passed Config.Bits.
//
// # Metrics
//
// None but the drops above. A steady too_old with little loss says that the
// network reorders further than the window reaches: raise Config.Bits.
package replay
