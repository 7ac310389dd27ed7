// Package header is the stage that parses the 16-byte header, finds the epoch
// that the packet names, and sorts out the handshake packets.
//
// # Purpose
//
// Everything behind the stage works on Data packets of live epochs with peer,
// session, epoch and counter filled in. Handshake packets go to
// Config.Handshake and end here.
//
// # Threat
//
// Malformed packets of any kind: each has one reason to be dropped, and nothing
// behind the stage sees it. Guesses of receiver indexes: a miss costs one look
// into a table; a hit is worth one failed AEAD open. What the stage fills in is
// a claim until AEAD open has authenticated it. The table is of epochs alone, so
// no flood makes it grow.
//
// # Verdicts
//
//   - accept: a Data packet of a live epoch
//   - consumed: a handshake packet that Config.Handshake has taken
//   - short, version, type, reserved, length: the fault that wire.ParseHeader
//     finds
//   - unknown_index: a Data packet whose receiver index is no live epoch
//   - handshake: a handshake packet that Config.Handshake has not taken, or any
//     if there is none
//
// # State bound
//
// 16 bytes for each live epoch.
//
// # Metrics
//
// None but the drops above. A version that is not zero says that a peer runs
// another release.
package header
