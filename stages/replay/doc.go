// Package replay is the stage that accepts each packet of an epoch only once.
//
// # Purpose
//
// A sealed packet stays valid for as long as its key is in use, so anyone who has
// seen it can send it again. The stage keeps a sliding [Window] of counters for
// each epoch and drops packets whose counter was accepted before.
//
// # Threat
//
// An observer who records packets and sends them again, in any order and from any
// address; a malicious peer that jumps its counter, even past the limit of a key,
// or repeats it. A forged counter cannot move the window, because the stage
// processes only authenticated packets: one that AEAD open has not authenticated is
// dropped as unopened.
//
// # Verdicts
//
//   - accept: the counter is new; the packet is marked fresh
//   - replayed: the counter is in the window and was accepted before
//   - too_old: the counter is more than Config.Bits below the highest
//   - unopened: AEAD open has not authenticated the packet
//   - unknown_epoch: the packet's epoch is not live
//   - too_high: the counter is at or above [Limit], which no sender may use; the
//     window does not move
//
// # State bound
//
// For each live epoch at most Config.Bits/8 + 8 bytes and 48 bytes of bookkeeping:
// about 1 KiB at the default of 8,192 bits, about 8 KiB at the largest size. The
// window starts at 80 bytes and grows with the counter to its full size.
//
// # Metrics
//
// None but the drops above. A steady rate of too_old with little loss means that
// the network reorders further than the window reaches: raise Config.Bits.
package replay
