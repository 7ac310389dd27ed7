// Package header is the stage that parses the 16-byte header, looks up the epoch
// that it names, and separates handshake packets from data packets.
//
// # Purpose
//
// The stages after it see only Data packets of live epochs, with peer, session,
// epoch and counter filled in. Handshake packets go to Config.Handshake and no
// further.
//
// # Threat
//
// Malformed packets of any kind: each is dropped for exactly one reason before
// another stage sees it. Guesses of receiver indexes: a miss costs one table
// look-up, and a hit gains no more than one failed AEAD open. The fields that
// the stage fills in are claims until AEAD open has authenticated the packet.
// The table contains only epochs, so no flood makes it grow.
//
// # Verdicts
//
//   - accept: a Data packet of a live epoch
//   - consumed: a handshake packet that Config.Handshake has taken
//   - short, version, type, reserved, length: the fault that wire.ParseHeader
//     returns
//   - unknown_index: a Data packet whose receiver index is no live epoch
//   - handshake: a handshake packet that Config.Handshake has not taken, or any
//     handshake packet if that is nil
//
// # State bound
//
// 16 bytes for each live epoch.
//
// # Metrics
//
// None but the drops above. Drops for version mean that a peer runs another
// release.
package header
